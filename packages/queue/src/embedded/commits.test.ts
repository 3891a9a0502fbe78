/** What is committed is in the journal and in memory, or in neither. */
import { basename } from "node:path";
import { expect, it } from "vitest";
import { PowerDisk } from "../../../../tests/support/power-disk.js";
import { readChange } from "./change-codec.js";
import { numberOf } from "./file-names.js";
import type { StoreFile } from "./files.js";
import { fileSeed, framesIn } from "./frame.js";
import { openEmbeddedStore } from "./open-embedded-store.js";

const QUEUE = "q";
const NEVER = 600_000;

/** A disk that refuses the next writes to files of the journal, after a part of each. */
class RefusingDisk extends PowerDisk {
  refusals = 0;
  code = "EIO";
  /** Whether only the beginning of a file is refused. */
  areOfHeads = false;

  override create(path: string): StoreFile {
    const file = super.create(path);
    const writeNow = (bytes: Buffer, position: number) => {
      const isRefused = path.includes("journal") && (position === 0 || !this.areOfHeads);
      if (this.refusals === 0 || !isRefused) return file.writeNow(bytes, position);
      this.refusals -= 1;
      file.writeNow(bytes.subarray(0, bytes.length >> 1), position);
      throw Object.assign(new Error(this.code), { code: this.code });
    };
    return { ...file, writeNow };
  }

  copy(): PowerDisk {
    return new PowerDisk(new Map([...this.files()].map(([name, bytes]) => [name, Buffer.from(bytes)])));
  }

  changes() {
    return [...this.files()].flatMap(([path, bytes]) => {
      const number = numberOf("journal", basename(path));
      if (number === undefined) return [];
      const frames = [...framesIn(bytes, fileSeed("journal", number), () => expect.fail("damage"))];
      return frames.map(({ sequence, body }) => ({ sequence, ...readChange(body) }));
    });
  }
}

const record = (n: number) => ({ score: n, id: `${n}`, value: "x".repeat(100) });
const open = (files: PowerDisk, boot = "b", segmentBytes = 1_000_000) =>
  openEmbeddedStore({ folder: "/data", files, fsync: NEVER, boot, limits: { segmentBytes } });

it("a write that fails changes nothing, and the next ones are no gap in the journal after it", async () => {
  const disk = new RefusingDisk();
  const { store } = await open(disk);
  await store.append(QUEUE, [record(1)]);
  for (const [failing, refusals] of [
    [2, 1],
    [3, 3],
  ] as const) {
    disk.refusals = refusals;
    for (let time = 0; time < refusals; time++)
      await expect(store.append(QUEUE, [record(failing)])).rejects.toThrow("EIO");
    expect(await store.size(QUEUE)).toBe(failing - 1);
    expect((await store.counters()).size).toBe(0);
    await store.append(QUEUE, [record(failing)]);
  }
  disk.refusals = 1;
  await expect(
    store.settle({
      remove: [{ queue: QUEUE, records: [record(1)], counter: "left" }],
      state: new Map([["a", "b"]]),
    }),
  ).rejects.toThrow("EIO");
  expect([await store.size(QUEUE), await store.state(["a"])]).toEqual([3, [undefined]]);
  await store.settle({ remove: [{ queue: QUEUE, records: [record(1)], counter: "left" }] });
  // As after a kill, and after a power cut that kept all of it.
  for (const boot of ["b", "the next"]) {
    const { store: again, losses } = await open(disk.copy(), boot);
    expect(losses?.damagedBytes ?? 0).toBe(0);
    expect(losses?.lost.size ?? 0).toBe(0);
    expect((await again.read(QUEUE, { limit: 9 })).map(({ id }) => id)).toEqual(["2", "3"]);
    expect((await again.counters()).get("left")).toBe(1);
    await again.close();
  }
  const sequences = disk.changes().map(({ sequence }) => sequence);
  expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
  expect(new Set(sequences).size).toBe(sequences.length);
  await store.close();
});

it("the current segment goes on if another can't be begun", async () => {
  const disk = new RefusingDisk();
  const { store } = await open(disk, "b", 2_000);
  for (let n = 0; n < 10; n++) await store.append(QUEUE, [record(n)]);
  Object.assign(disk, { refusals: 1, areOfHeads: true });
  while (disk.refusals > 0) await store.append(QUEUE, [record(await store.size(QUEUE))]);
  const before = store.disk().segments;
  await store.append(QUEUE, [record(await store.size(QUEUE))]);
  expect(store.disk().segments).toBe(before + 1);
  const size = await store.size(QUEUE);
  const { store: again, losses } = await open(disk.copy());
  expect(losses).toBeUndefined();
  expect(await again.size(QUEUE)).toBe(size);
  await again.close();
  await store.close();
});

it("the first segment of a store that can't be begun fails the call alone", async () => {
  const disk = new RefusingDisk();
  const { store } = await open(disk);
  disk.refusals = 1;
  await expect(store.append(QUEUE, [record(1)])).rejects.toThrow("EIO");
  expect(await store.size(QUEUE)).toBe(0);
  await store.append(QUEUE, [record(1)]);
  await store.close();
  const { store: again, losses } = await open(disk);
  expect([losses, await again.size(QUEUE)]).toEqual([undefined, 1]);
  await again.close();
});

it("the sizes of queues are written once a second, and not with every change", async () => {
  const disk = new RefusingDisk();
  const { store } = await open(disk);
  for (let n = 0; n < 50; n++) await store.append(QUEUE, [record(n)]);
  const withSizes = () => disk.changes().filter(({ sizes }) => (sizes?.size ?? 0) > 0).length;
  // Under load, fifty writes may take more than one.
  expect(withSizes()).toBeLessThan(8);
  const before = withSizes();
  await new Promise((resolve) => setTimeout(resolve, 1_010));
  await store.append(QUEUE, [record(50)]);
  const [last] = disk.changes().slice(-1);
  expect([withSizes(), last?.sizes?.get(QUEUE)]).toEqual([before + 1, 50]);
  await store.close();
});

it("on a full disk, a removal goes through, to another file if need be, and records are refused", async () => {
  const disk = new RefusingDisk();
  const reasons: (string | undefined)[] = [];
  const { store } = await openEmbeddedStore({
    ...{ folder: "/data", files: disk, fsync: NEVER, boot: "b" },
    onFull: (reason) => reasons.push(reason),
  });
  await store.append(QUEUE, [record(1), record(2), record(3)]);
  disk.code = "ENOSPC";
  disk.refusals = 1;
  await expect(store.append(QUEUE, [record(4)])).rejects.toThrow("is full");
  await expect(store.append(QUEUE, [record(4)])).rejects.toThrow("is full");
  expect([reasons, store.disk().full]).toEqual([["the disk of /data is full"], "the disk of /data is full"]);
  for (const [refusals, id, hasReserve] of [
    [1, 1, false],
    [2, 2, false],
  ] as const) {
    disk.refusals = refusals;
    await store.settle({ remove: [{ queue: QUEUE, records: [record(id)], counter: "left" }] });
    expect([disk.refusals, disk.files().has("/data/reserve")]).toEqual([0, hasReserve]);
  }
  disk.refusals = 20;
  await expect(store.settle({ remove: [{ queue: QUEUE, records: [record(3)] }] })).rejects.toThrow("is full");
  disk.refusals = 0;
  expect((await store.read(QUEUE, { limit: 9 })).map(({ id }) => id)).toEqual(["3"]);
  expect((await store.counters()).get("left")).toBe(2);
  const { store: again, losses } = await open(disk.copy());
  expect([losses, await again.size(QUEUE)]).toEqual([undefined, 1]);
  await again.close();
  await store.close();
});
