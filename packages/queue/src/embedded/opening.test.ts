/** How a store opens: what is moved away, what is reported, and what becomes of the lock. */
import { milliseconds } from "@chouette-iot/record";
import { expect, it } from "vitest";
import { newFolder } from "../../../../tests/support/folders.js";
import { PowerDisk } from "../../../../tests/support/power-disk.js";
import { unknownLossCounter } from "../disposition.js";
import { realFiles } from "./files.js";
import { type OpenOptions, openEmbeddedStore } from "./open-embedded-store.js";

const QUEUE = "q";
const NEVER = 600_000;
const record = (n: number) => ({ score: n, id: `${n}`, value: "x".repeat(900) });

class SizedDisk extends PowerDisk {
  total = 2 ** 30;
  isBroken = false;
  override space = () => ({ total: this.total, free: this.total / 2 });

  /** With folders. */
  override list = async () => [...new Set(this.names().map((name) => name.replace(/\/.*/, "")))];

  override async rename(from: string, to: string): Promise<void> {
    if (this.isBroken) throw new Error("ENOSPC");
    await super.rename(from, to);
  }

  names(): readonly string[] {
    return [...this.files().keys()].map((path) => path.replace("/data/", "")).sort();
  }
}

const open = (files: PowerDisk, options: Partial<OpenOptions> = {}) =>
  openEmbeddedStore({ folder: "/data", files, fsync: NEVER, boot: "b", ...options });

async function fill(disk: PowerDisk, count: number, options: Partial<OpenOptions> = {}): Promise<void> {
  const { store } = await open(disk, options);
  for (let n = 0; n < count; n++) await store.append(QUEUE, [record(n)]);
  await store.close();
}

it.each([
  // A 64th of the file system, at least 32 KiB and at most 4 MiB; each record takes about 950 bytes.
  [64 * 50_000, 50_000],
  [64 * 1_000, 32 * 1024],
  [2 ** 40, 4 * 1024 * 1024],
])("on a file system of %d bytes, a segment has about %d", async (total, bytes) => {
  const disk = new SizedDisk();
  disk.total = total;
  const { store } = await open(disk, { limits: { memoryBytes: 2 ** 30 } });
  for (let n = 0; store.disk().segments < 2 && n < 200; n++) await store.append(QUEUE, [record(n)]);
  const first = disk.files().get("/data/journal-0000000001")?.length ?? 0;
  if (bytes > 200_000) expect(store.disk().segments).toBe(1);
  else expect([first >= bytes, first < bytes + 1_200]).toEqual([true, true]);
  await store.close();
});

it("reports its progress through the journal, from the start on", async () => {
  const disk = new SizedDisk();
  await fill(disk, 12, { limits: { segmentBytes: 3_000, segments: 100 } });
  const done: number[] = [];
  const { store, losses, takenOver } = await open(disk, { onProgress: (part) => done.push(part) });
  const count = done.length;
  expect(count).toBeGreaterThan(2);
  expect(done).toEqual(Array.from({ length: count }, (_, n) => n / count));
  expect([losses, takenOver, await store.size(QUEUE)]).toEqual([undefined, undefined, 12]);
  await store.close();
});

it("moves away what it can't read in time, and starts with nothing, of which the size is unknown", async () => {
  const disk = new SizedDisk();
  await fill(disk, 5, { limits: { memoryBytes: 1_000 } });
  const before = disk.names().filter((name) => /^(journal|run)/.test(name));
  expect(before.some((name) => name.startsWith("run"))).toBe(true);
  const now = milliseconds(Date.UTC(2030, 0, 2, 3, 4, 5, 6));
  const { store, losses } = await open(disk, { maxRecoveryMs: -1, now });
  expect(losses).toMatchObject({ isUnknown: true, isOtherVersion: false });
  expect(await store.size(QUEUE)).toBe(0);
  const folder = "damaged-2030-01-02T03-04-05.006Z";
  expect(disk.names().filter((name) => name.startsWith("damaged"))).toEqual(
    before.map((name) => `${folder}/${name}`),
  );
  await store.append(QUEUE, [record(1)]);
  await store.close();
  const again = await open(disk);
  expect([again.losses, await again.store.size(QUEUE)]).toEqual([undefined, 1]);
  await again.store.close();
});

/** Makes a file of the journal unreadable. */
function damage(disk: SizedDisk): string {
  const name = disk.names().find((one) => one.startsWith("journal")) ?? "";
  disk.files().get(`/data/${name}`)?.fill(7);
  return name;
}

it("keeps the files that were moved away last, and none before", async () => {
  const disk = new SizedDisk();
  const folders: (string | undefined)[] = [];
  for (const day of [1, 2]) {
    await fill(disk, 5);
    const name = damage(disk);
    const { store, losses } = await open(disk, { now: milliseconds(Date.UTC(2030, 0, day)) });
    folders.push(losses?.movedTo);
    expect(disk.names().filter((one) => one.startsWith("damaged"))).toEqual([
      `damaged-2030-01-0${day}T00-00-00.000Z/${name}`,
    ]);
    // It is counted once, for each queue that is known: none.
    expect(await store.counters()).toEqual(new Map());
    await store.close();
  }
  expect(new Set(folders).size).toBe(2);
});

it("deletes what it can't move away", async () => {
  const disk = new SizedDisk();
  await fill(disk, 5);
  damage(disk);
  disk.isBroken = true;
  const { store, losses } = await open(disk);
  expect(losses).toMatchObject({ isUnknown: true, movedTo: undefined });
  expect(disk.names().filter((one) => one.startsWith("damaged"))).toEqual([]);
  await store.close();
  expect((await open(disk)).losses).toBeUndefined();
});

it("counts an unknown loss for each queue that is known, once", async () => {
  const disk = new SizedDisk();
  const options = { limits: { segmentBytes: 3_000, segments: 100 } };
  await fill(disk, 12, options);
  const last = disk.names().findLast((one) => one.startsWith("journal")) ?? "";
  disk.files().get(`/data/${last}`)?.fill(7);
  for (let time = 0; time < 2; time++) {
    const { store, losses } = await open(disk, options);
    expect(losses === undefined).toBe(time === 1);
    expect(await store.counters()).toEqual(new Map([[unknownLossCounter(QUEUE), 1]]));
    await store.close();
  }
});

it("gives the folder free again if it can't be opened", async () => {
  const folder = await newFolder();
  const failing = { ...realFiles, list: () => Promise.reject(new Error("EACCES")) };
  await expect(openEmbeddedStore({ folder: folder.path, files: failing })).rejects.toThrow("EACCES");
  const { store } = await openEmbeddedStore({ folder: folder.path });
  await expect(openEmbeddedStore({ folder: folder.path })).rejects.toThrow("another process has the store");
  await store.close();
  const again = await openEmbeddedStore({ folder: folder.path });
  await again.store.close();
  await folder.remove();
});
