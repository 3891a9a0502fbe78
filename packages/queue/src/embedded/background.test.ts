/** What is written to runs, copied, merged and deleted in the background: no record is in two places, or in none. */
import { basename } from "node:path";
import { afterEach, expect, it } from "vitest";
import { PowerDisk } from "../../../../tests/support/power-disk.js";
import { until } from "../../../../tests/support/until.js";
import { counterName } from "../disposition.js";
import { BlockCache } from "./block-cache.js";
import { numberOf } from "./file-names.js";
import type { StoreFile } from "./files.js";
import { type EmbeddedStore, type OpenOptions, openEmbeddedStore } from "./open-embedded-store.js";
import { openRun } from "./open-run.js";

const QUEUE = "q";
const NEVER = 600_000;

/** A disk in memory, on which flushes of a kind of file wait, fail, or give other bytes when they are read. */
class SlowDisk extends PowerDisk {
  /** Beginnings of names of files whose flushes wait for `release`. */
  held: string | undefined;
  failing: { readonly name: string; readonly code: string } | undefined;
  /** Names in the order in which they were removed. */
  readonly removed: string[] = [];
  readonly created: string[] = [];
  /** Files that are open for reading. */
  readonly reading: string[] = [];
  #waiting: (() => void)[] = [];

  release(): void {
    this.held = undefined;
    for (const go of this.#waiting.splice(0)) go();
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  override create(path: string): StoreFile {
    this.created.push(basename(path));
    const file = super.create(path);
    return {
      ...file,
      sync: async () => {
        const { held, failing } = this;
        if (held !== undefined && basename(path).startsWith(held))
          await new Promise<void>((resolve) => this.#waiting.push(resolve));
        if (failing !== undefined && basename(path).startsWith(failing.name))
          throw Object.assign(new Error(failing.code), { code: failing.code });
        await file.sync();
      },
    };
  }

  override openForReading(path: string): StoreFile {
    this.reading.push(path);
    const close = () => void this.reading.splice(this.reading.indexOf(path), 1);
    return { ...super.openForReading(path), close };
  }

  override async remove(path: string): Promise<void> {
    this.removed.push(basename(path));
    await super.remove(path);
  }

  names(kind: "run" | "journal"): readonly string[] {
    const names = [...this.files().keys()].map((path) => basename(path));
    return names.filter((name) => name.startsWith(kind));
  }
}

const opened: EmbeddedStore[] = [];
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

async function open(disk: SlowDisk, limits: OpenOptions["limits"], fsync = NEVER) {
  const troubles: string[] = [];
  const { store, losses } = await openEmbeddedStore({
    ...{ folder: "/data", files: disk, fsync, boot: "b", limits: limits ?? {} },
    onTrouble: (error) => troubles.push(String(error)),
  });
  opened.push(store);
  return { store, troubles, losses };
}

const close = async (store: EmbeddedStore) => {
  opened.splice(opened.indexOf(store), 1);
  await store.close();
};

/** A record that takes so many bytes of memory. */
const sized = (id: string, bytes: number, score = 1) => ({
  ...{ score, id, value: "x".repeat(bytes - 200 - id.length) },
});
const many = (count: number, bytes: number, from = 0) =>
  Array.from({ length: count }, (_, n) => sized(`${from + n}`.padStart(6, "0"), bytes, from + n));
const idsIn = async (store: EmbeddedStore, queue = QUEUE) => {
  const ids: string[] = [];
  for (let after: { score: number; id: string } | undefined; ; ) {
    const page = await store.read(queue, { ...(after === undefined ? {} : { after }), limit: 500 });
    after = page.at(-1);
    if (after === undefined) return ids;
    ids.push(...page.map(({ id }) => id));
  }
};
const idsOf = (records: readonly { readonly id: string }[]) => records.map(({ id }) => id);

const textOf = (disk: SlowDisk, name: string) => `${disk.files().get(`/data/${name}`)?.toString("latin1")}`;
const holds = (disk: SlowDisk, name: string, text: string) => textOf(disk, name).includes(text);

async function quiet(disk: SlowDisk): Promise<void> {
  for (let serial = -1; serial !== disk.serial; ) {
    serial = disk.serial;
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
  }
}

it("memory may be as full as its limit; beyond it, the queue that takes most is written to a run", async () => {
  const disk = new SlowDisk();
  const { store } = await open(disk, { memoryBytes: 3_000 });
  await store.append("small", [sized("a", 1_000)]);
  await store.append("large", [sized("b", 2_000)]);
  await quiet(disk);
  expect([store.disk().runs, disk.names("run")]).toEqual([0, []]);
  await store.append("small", [sized("c", 201)]);
  await until("a run", () => store.disk().runs === 1);
  await quiet(disk);
  expect(disk.names("run")).toEqual(["run-0000000001"]);
  const run = await openRun(disk, "/data/run-0000000001", 1, new BlockCache());
  expect([run?.head?.queue, run?.run.parts.count]).toEqual(["large", 1]);
  const { writtenBytes } = store.disk();
  expect(writtenBytes).toBeGreaterThan(run?.run.parts.bytes ?? 0);
  expect(writtenBytes).toBe(
    [...disk.files()].reduce((sum, [name, { length }]) => sum + (/run|jour/.test(name) ? length : 0), 0),
  );
});

it("calls that add wait once memory has twice its limit, and what only removes doesn't", async () => {
  const disk = new SlowDisk();
  disk.held = "run";
  const { store } = await open(disk, { memoryBytes: 2_000 });
  await store.append(QUEUE, [sized("a", 2_001)]);
  await until("the run to be written", () => disk.waiting === 1);
  await store.append(QUEUE, [sized("b", 1_999)]);
  // Exactly twice: one more has room.
  expect(store.writeNow([{ queue: QUEUE, ...sized("c", 201) }])).toBe(true);
  expect(store.writeNow([{ queue: QUEUE, ...sized("d", 201) }])).toBe(false);
  let isStored = false;
  const waiting = store.append(QUEUE, [sized("e", 201)]).then(() => {
    isStored = true;
  });
  await store.settle({ remove: [{ queue: QUEUE, records: [sized("a", 2_001)], counter: "left" }] });
  await quiet(disk);
  expect(isStored).toBe(false);
  disk.release();
  await waiting;
  expect(await idsIn(store)).toEqual(["b", "c", "e"]);
  expect((await store.counters()).get("left")).toBe(1);
});

it("a run that is being written loses no removal and no write, wherever it is, across a restart", async () => {
  const disk = new SlowDisk();
  const { store, troubles } = await open(disk, { memoryBytes: 250_000 });
  disk.held = "run";
  const records = many(900, 300);
  await store.append(QUEUE, records);
  await until("the run to be written", () => disk.waiting === 1);
  // Of each slice some leave, some come again elsewhere, and others get another value.
  const leaving = records.filter((_, n) => n % 7 === 0);
  await store.settle({ remove: [{ queue: QUEUE, records: leaving, counter: "left" }] });
  const moved = records.filter((_, n) => n % 50 === 1).map((one) => ({ ...one, score: one.score + 10_000 }));
  await store.append(QUEUE, moved);
  const expected = [...records.filter((_, n) => n % 7 !== 0 && n % 50 !== 1), ...moved];
  expect(await idsIn(store)).toEqual(idsOf(expected));
  disk.release();
  await until("the run to be named", () => store.disk().runs === 1);
  expect(await idsIn(store)).toEqual(idsOf(expected));
  expect(await store.size(QUEUE)).toBe(expected.length);
  const run = await openRun(disk, "/data/run-0000000001", 1, new BlockCache());
  expect([run?.run.parts.count, run?.head?.lowest]).toEqual([900, 1]);
  await store.settle({ remove: [{ queue: QUEUE, records: expected.slice(0, 100) }] });
  await close(store);
  const { store: again, losses } = await open(disk, { memoryBytes: 250_000 });
  expect(losses).toBeUndefined();
  expect(await idsIn(again)).toEqual(idsOf(expected.slice(100)));
  // The next run has another number.
  await again.append(QUEUE, many(900, 300, 50_000));
  await until("another run", () => again.disk().runs === 2);
  expect(
    disk.created.filter((name) => name.startsWith("run")).map((name) => numberOf("run", name.slice(0, 14))),
  ).toEqual([1, 2]);
  expect(troubles).toEqual([]);
});

it.each([
  ["EIO", ["Error: EIO"]],
  // The writes that find no room report it.
  ["ENOSPC", []],
])("a run that fails with %s leaves no file, and its records where they were", async (code, reported) => {
  const disk = new SlowDisk();
  disk.failing = { name: "run", code };
  const { store, troubles } = await open(disk, { memoryBytes: 2_000 });
  const records = many(20, 500);
  await store.append(QUEUE, records);
  await until("the failure", () => disk.removed.some((name) => name.startsWith("run")));
  await quiet(disk);
  expect([troubles, disk.names("run"), store.disk().runs]).toEqual([reported, [], 0]);
  expect(await idsIn(store)).toEqual(idsOf(records));
  // They can be settled, and don't come back.
  await store.settle({ remove: [{ queue: QUEUE, records: records.slice(5), counter: "left" }] });
  disk.failing = undefined;
  await close(store);
  const { store: again, losses } = await open(disk, { memoryBytes: 50_000 });
  expect(losses).toBeUndefined();
  expect(await idsIn(again)).toEqual(idsOf(records.slice(0, 5)));
});

it("a run that can't be read back leaves no file, and its records where they were", async () => {
  class LyingDisk extends SlowDisk {
    override async rename(from: string, to: string): Promise<void> {
      await super.rename(from, to);
      this.files().get(to)?.fill(0);
    }
  }
  const disk = new LyingDisk();
  const { store, troubles } = await open(disk, { memoryBytes: 2_000 });
  const records = many(20, 500);
  await store.append(QUEUE, records);
  await until("the failure", () => troubles.length > 0);
  await quiet(disk);
  expect(troubles).toEqual([expect.stringContaining("run-0000000001 can't be read back")]);
  expect([disk.names("run"), store.disk().runs]).toEqual([[], 0]);
  expect(await idsIn(store)).toEqual(idsOf(records));
});

it("a run that the journal can't name leaves no file, and its records where they were", async () => {
  class FullDisk extends SlowDisk {
    isFull = false;
    override create(path: string): StoreFile {
      const file = super.create(path);
      if (!basename(path).startsWith("journal")) return file;
      const refuse = () => {
        if (this.isFull) throw Object.assign(new Error("EIO"), { code: "EIO" });
      };
      return {
        ...file,
        writeNow: (bytes, at) => {
          refuse();
          file.writeNow(bytes, at);
        },
        write: async (bytes, at) => {
          refuse();
          await file.write(bytes, at);
        },
      };
    }
  }
  const disk = new FullDisk();
  disk.held = "run";
  const { store, troubles } = await open(disk, { memoryBytes: 2_000 });
  const records = many(20, 500);
  await store.append(QUEUE, records);
  await until("a run", () => disk.waiting > 0);
  disk.isFull = true;
  disk.release();
  await until("the failure", () => disk.removed.some((name) => name.startsWith("run")));
  await quiet(disk);
  expect([disk.names("run"), store.disk().runs]).toEqual([[], 0]);
  expect(new Set(troubles)).toEqual(new Set([expect.stringContaining("EIO")]));
  expect(await idsIn(store)).toEqual(idsOf(records));
  disk.isFull = false;
  await close(store);
  const { store: again, losses } = await open(disk, { memoryBytes: 50_000 });
  expect(losses).toBeUndefined();
  expect(await idsIn(again)).toEqual(idsOf(records));
});

it("closing ends a run that is being written, without a report", async () => {
  const disk = new SlowDisk();
  const { store, troubles } = await open(disk, { memoryBytes: 10_000 });
  const records = many(5_000, 1_000);
  await store.append(QUEUE, records);
  await close(store);
  expect([troubles, disk.names("run")]).toEqual([[], []]);
  const { store: again, losses } = await open(disk, { memoryBytes: 100_000_000 });
  expect(losses).toBeUndefined();
  expect(await again.size(QUEUE)).toBe(5_000);
});

it("closing waits for a run that can't be ended any more, and names it", async () => {
  const disk = new SlowDisk();
  const { store } = await open(disk, { memoryBytes: 2_000 });
  disk.held = "run";
  await store.append(QUEUE, many(10, 300));
  await until("the run to be written", () => disk.waiting === 1);
  let isClosed = false;
  const closing = close(store).then(() => {
    isClosed = true;
  });
  for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
  expect(isClosed).toBe(false);
  disk.release();
  await closing;
  expect([disk.names("run").length, disk.reading]).toEqual([1, []]);
  const { store: again } = await open(disk, { memoryBytes: 2_000 });
  expect([await again.size(QUEUE), again.disk().runs]).toEqual([10, 1]);
});

it("nothing is copied before there are too many segments, and then it is done once", async () => {
  const disk = new SlowDisk();
  const { store } = await open(disk, { segmentBytes: 5_000, segments: 3, carriedBytes: 100_000 });
  await store.append(QUEUE, [sized("staying", 300)]);
  const pass = async () => {
    const passing = many(10, 800);
    await store.append(QUEUE, passing);
    await store.settle({ remove: [{ queue: QUEUE, records: passing }] });
    await quiet(disk);
  };
  const copies = () => {
    const journals = disk.names("journal").map((name) => `${disk.files().get(`/data/${name}`)}`);
    return journals.map((text) => text.split("staying").length - 1);
  };
  while (store.disk().segments < 3) await pass();
  expect(copies()).toEqual([1, 0, 0]);
  while (store.disk().segments < 4) await pass();
  expect(copies()).toEqual([1, 0, 0, 1]);
  // Without a flush the first segment is still there, and nothing is tried again.
  expect(store.writeNow([{ queue: QUEUE, ...sized("now", 300) }])).toBe(true);
  await quiet(disk);
  expect(copies()).toEqual([1, 0, 0, 1]);
  expect(await idsIn(store)).toEqual(["now", "staying"]);
});

it("by default, the oldest segment is emptied once the journal has 16 MiB", async () => {
  const disk = new SlowDisk();
  const { store } = await open(disk, undefined);
  await store.append(QUEUE, [sized("staying", 300)]);
  const isCopied = () => disk.names("journal").filter((name) => holds(disk, name, "staying")).length > 1;
  const written = () => disk.names("journal").reduce((sum, name) => sum + textOf(disk, name).length, 0);
  while (!isCopied()) {
    expect(written()).toBeLessThan(17 * 2 ** 20);
    for (const passing of many(100, 5_000)) {
      await store.append(QUEUE, [passing]);
      await store.settle({ remove: [{ queue: QUEUE, records: [passing] }] });
    }
    await quiet(disk);
  }
  expect(written()).toBeGreaterThan(16 * 2 ** 20);
});

it("the last records of the oldest segment are copied, however many, so that it can be deleted", async () => {
  const disk = new SlowDisk();
  const limits = { segmentBytes: 20_000, segments: 3, carriedBytes: 1_000_000 };
  const { store } = await open(disk, limits, 1);
  const staying = many(450, 210);
  await store.append(QUEUE, staying);
  let next = 1_000;
  const pass = async () => {
    next += 10;
    const passing = many(10, 1_000, next);
    await store.append(QUEUE, passing);
    await store.settle({ remove: [{ queue: QUEUE, records: passing }] });
  };
  await until("the first segments to be deleted", async () => {
    for (let round = 0; round < 10; round++) await pass();
    return !disk.names("journal").includes("journal-0000000001");
  });
  expect(store.disk()).toMatchObject({ runs: 0 });
  expect(await idsIn(store)).toEqual(idsOf(staying));
  await close(store);
  expect(disk.names("journal").length).toBeLessThan(9);
  const { store: again, losses } = await open(disk, limits);
  expect(losses).toBeUndefined();
  expect(await idsIn(again)).toEqual(idsOf(staying));
});

it.each([
  [0, 0],
  [1, 1],
])("%d bytes more than may be copied make %d run", async (more, runs) => {
  const disk = new SlowDisk();
  const limits = { segmentBytes: 5_000, segments: 2, carriedBytes: 2_000 };
  const { store } = await open(disk, limits, 1);
  await store.append(QUEUE, [sized("staying", 200 + 2_000 + more)]);
  let next = 0;
  await until("the first segment to be deleted", async () => {
    next += 10;
    const passing = many(10, 1_000, next);
    await store.append(QUEUE, passing);
    await store.settle({ remove: [{ queue: QUEUE, records: passing }] });
    return !disk.names("journal").includes("journal-0000000001");
  });
  expect(store.disk().runs).toBe(runs);
  expect(await idsIn(store)).toEqual(["staying"]);
});

it("no segment is deleted while a run is written of which it may have the removals", async () => {
  const disk = new SlowDisk();
  const { store } = await open(disk, { memoryBytes: 5_000, segmentBytes: 5_000, segments: 100 }, 1);
  disk.held = "run";
  const records = many(20, 500);
  await store.append(QUEUE, records);
  await until("the run to be written", () => disk.waiting === 1);
  await store.settle({ remove: [{ queue: QUEUE, records }] });
  await store.append(QUEUE, [sized("x", 250)]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await quiet(disk);
  const before = disk.names("journal");
  expect(before).toContain("journal-0000000001");
  disk.release();
  // It is empty, and so is the first segment: both go, the segments first.
  await until("the files to be deleted", async () => {
    await store.append(QUEUE, [sized("x", 250)]);
    return !disk.names("journal").includes("journal-0000000001") && disk.names("run").length === 0;
  });
  expect([store.disk().runs, disk.reading]).toEqual([0, []]);
  expect(await idsIn(store)).toEqual(["x"]);
  const run = disk.removed.indexOf("run-0000000001");
  expect(disk.removed.slice(0, run)).toContain("journal-0000000001");
});

it("many small runs become one; the others are deleted once that is on disk, and what left meanwhile stays away", async () => {
  const disk = new SlowDisk();
  const { store, troubles } = await open(disk, { memoryBytes: 2_000 });
  const all: ReturnType<typeof many>[number][] = [];
  const addRun = async (n: number) => {
    const records = many(5, 500, n * 5);
    all.push(...records);
    const before = store.disk().runs;
    await store.append(QUEUE, records);
    await until("a run", () => store.disk().runs !== before);
    await quiet(disk);
  };
  for (let n = 0; n < 16; n++) await addRun(n);
  expect(store.disk().runs).toBe(16);
  disk.held = "run-0000000018";
  await addRun(16);
  await until("the merged run to be written", () => disk.waiting === 1);
  // A whole run's records leave while it is merged, and one of another.
  const leaving = [...all.slice(10, 15), ...all.slice(33, 34)];
  await store.settle({ remove: [{ queue: QUEUE, records: leaving, counter: "left" }] });
  disk.release();
  await until("the merged run to be named", () => store.disk().runs === 1);
  await quiet(disk);
  expect(disk.names("run").length).toBe(18);
  const left = idsOf(all.filter((one) => !leaving.includes(one)));
  expect(await idsIn(store)).toEqual(left);
  expect(await store.size(QUEUE)).toBe(left.length);
  expect((await store.counters()).get("left")).toBe(6);
  await close(store);
  expect([disk.names("run"), troubles, disk.reading]).toEqual([["run-0000000018"], [], []]);
  const { store: again, losses } = await open(disk, { memoryBytes: 2_000 });
  expect(losses).toBeUndefined();
  expect(await idsIn(again)).toEqual(left);
});

it("records that turn out unreadable are reported and counted once, and the others are there", async () => {
  const disk = new SlowDisk();
  const { store, troubles } = await open(disk, { memoryBytes: 50_000 });
  const records = many(600, 500);
  await store.append(QUEUE, records);
  await until("a run", () => store.disk().runs === 1);
  await store.settle({ remove: [{ queue: QUEUE, records: records.slice(0, 10) }] });
  const path = "/data/run-0000000001";
  const { run } = (await openRun(disk, path, 1, new BlockCache())) ?? {};
  const { at = 0, count = 0, firstOrdinal = 0 } = run?.parts.blocks[0] ?? {};
  expect(firstOrdinal).toBe(0);
  disk
    .files()
    .get(path)
    ?.fill(0, at + 50, at + 60);
  await close(store);
  const { store: again, troubles: reported } = await open(disk, { memoryBytes: 50_000 });
  for (let time = 0; time < 2; time++) {
    expect(await idsIn(again)).toEqual(idsOf(records.slice(count)));
    await until("the loss to be counted", async () => (await again.counters()).size > 0);
  }
  expect(reported).toEqual([`Error: ${count - 10} records in ${path} can't be read`]);
  expect(await again.size(QUEUE)).toBe(600 - count);
  expect((await again.counters()).get(counterName(QUEUE, "damaged"))).toBe(count - 10);
  expect(troubles).toEqual([]);
});
