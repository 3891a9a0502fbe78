/** What the journal writes, flushes and deletes. */
import { basename } from "node:path";
import { expect, it } from "vitest";
import { newFolder } from "../../../../tests/support/folders.js";
import { PowerDisk } from "../../../../tests/support/power-disk.js";
import { until } from "../../../../tests/support/until.js";
import { ByteWriter } from "./bytes.js";
import { segmentName } from "./file-names.js";
import type { StoreFile } from "./files.js";
import { Journal } from "./journal.js";
import { openEmbeddedStore } from "./open-embedded-store.js";

it("keeps no segment whose records have all been replaced, as those of a gauge that is stored under one id", async () => {
  const folder = await newFolder();
  const limits = { segmentBytes: 10_000, segments: 1_000 };
  const { store } = await openEmbeddedStore({ folder: folder.path, limits, fsync: 1 });
  try {
    for (let write = 0; write < 1_000; write++)
      await store.append("chouette:metrics:raw", [{ score: write, id: "gauge", value: "y".repeat(100) }]);
    await until("one segment", async () => {
      await store.append("chouette:metrics:raw", [{ score: 1_000, id: "gauge", value: "" }]);
      return store.disk().segments === 1;
    });
  } finally {
    await store.close();
    await folder.remove();
  }
});

it("doesn't write its state again with each frame, though it is larger than a segment", async () => {
  const folder = await newFolder();
  const { store } = await openEmbeddedStore({ folder: folder.path, limits: { segmentBytes: 10_000 } });
  try {
    const state = new Map(Array.from({ length: 100 }, (_, index) => [`key${index}`, "x".repeat(1_000)]));
    await store.settle({ state });
    const before = store.disk().writtenBytes;
    for (let write = 0; write < 1_000; write++)
      await store.append("chouette:metrics:raw", [{ score: write, id: `${write}`, value: "y".repeat(100) }]);
    // 150 kB of frames, and as much of heads at most.
    expect(store.disk().writtenBytes - before).toBeLessThan(600_000);
  } finally {
    await store.close();
    await folder.remove();
  }
});

/** A disk whose next operations fail or are slow as the test says, and that remembers what it was asked for. */
class WatchedDisk extends PowerDisk {
  readonly calls: string[] = [];
  readonly failing = new Set<string>();
  /** Time that a write to the system's cache takes. */
  writeMs = 0;

  note(call: string): void {
    this.calls.push(call);
    if (this.failing.delete(call)) throw new Error(`EIO: ${call}`);
  }

  override create(path: string): StoreFile {
    const file = super.create(path);
    const name = basename(path).slice(-1);
    const inPart = (bytes: Buffer, position: number) => {
      const isFailing = this.failing.has(`write ${name}`);
      if (isFailing) file.writeNow(bytes.subarray(0, bytes.length >> 1), position);
      this.note(`write ${name}`);
      const end = performance.now() + this.writeMs;
      while (performance.now() < end);
    };
    return {
      ...file,
      writeNow: (bytes, position) => {
        inPart(bytes, position);
        file.writeNow(bytes, position);
      },
      write: async (bytes, position) => {
        inPart(bytes, position);
        await file.write(bytes, position);
      },
      truncate: (length) => {
        this.note(`truncate ${name}`);
        file.truncate(length);
      },
      sync: async () => {
        this.note(`sync ${name}`);
        await file.sync();
      },
      close: () => this.note(`close ${name}`),
    };
  }

  override async remove(path: string): Promise<void> {
    this.note(`remove ${basename(path).slice(-1)}`);
    await super.remove(path);
  }

  override syncFolder = async (): Promise<void> => {
    this.note("sync folder");
  };

  content(segment: number): string {
    return `${this.files().get(`/data/${segmentName(segment)}`)}`;
  }
}

/** A journal with a segment that begins with "head". */
function newJournal() {
  const disk = new WatchedDisk();
  const journal = new Journal(disk, "/data", 1);
  const begin = (firstNumber: number, text = "head") => {
    const head = new ByteWriter();
    head.raw(Buffer.from(text));
    journal.begin(firstNumber, head);
  };
  const taken = () => disk.calls.splice(0);
  begin(1);
  taken();
  return { disk, journal, begin, taken };
}

const bytesOf = (text: string) => Buffer.from(text);

it("a write that fails leaves nothing behind, in the thread pool either, and the next takes its place", async () => {
  const { disk, journal, taken } = newJournal();
  journal.write(bytesOf("one"), false);
  disk.failing.add("write 1");
  expect(() => journal.write(bytesOf("failing"), false)).toThrow("EIO");
  expect(disk.content(1)).toBe("headone");
  disk.writeMs = 30;
  journal.write(bytesOf("two"), true);
  disk.failing.add("write 1");
  await expect(journal.write(bytesOf("failing"), true)).rejects.toThrow("EIO");
  expect(disk.content(1)).toBe("headonetwo");
  await journal.write(bytesOf("three"), true);
  expect(disk.content(1)).toBe("headonetwothree");
  expect([journal.bytes, journal.bytesWritten, journal.current?.bytes]).toEqual([15, 15, 15]);
  expect(journal.nextSeed).toBe((journal.current?.seed ?? 0) + 15);
  // If it can't be taken back either, nothing may follow it.
  taken();
  disk.failing.add("write 1").add("truncate 1");
  expect(() => journal.write(bytesOf("failing"), false)).toThrow("EIO: write");
  expect(journal.current).toBeUndefined();
  expect(() => journal.write(bytesOf("four"), false)).toThrow("no segment");
});

it("a segment that can't be begun leaves everything as it was", () => {
  const { disk, journal, begin, taken } = newJournal();
  const before = [journal.seedOfNextSegment, journal.nextSeed, journal.bytes, journal.bytesWritten];
  disk.failing.add("write 2");
  expect(() => begin(5)).toThrow("EIO");
  expect(taken()).toEqual(["write 2", "truncate 2", "close 2"]);
  expect(disk.content(2)).toBe("");
  expect([journal.seedOfNextSegment, journal.nextSeed, journal.bytes, journal.bytesWritten]).toEqual(before);
  expect(journal.current?.firstNumber).toBe(1);
  begin(5);
  expect([journal.current?.firstNumber, journal.segments.length, disk.content(2)]).toEqual([5, 2, "head"]);
  expect(journal.seedOfNextSegment).not.toBe(before[0]);
  journal.end();
  expect([journal.current, journal.nextSeed, journal.hasPlace(1_000)]).toEqual([undefined, 0, false]);
});

it("a segment has place until it is as large as wanted, and has twice its head", () => {
  const { journal, begin } = newJournal();
  expect([journal.hasPlace(4), journal.hasPlace(8), journal.hasPlace(9)]).toEqual([true, true, true]);
  journal.write(bytesOf("1234"), false);
  expect([journal.hasPlace(8), journal.hasPlace(9)]).toEqual([false, true]);
  begin(2, "a longer head");
  expect(journal.hasPlace(4)).toBe(true);
});

it("a flush covers what was written before it, new names included, and is repeated whole after a failure", async () => {
  const { disk, journal, begin, taken } = newJournal();
  await journal.sync();
  expect(taken()).toEqual(["sync 1", "sync folder"]);
  await journal.sync();
  expect(taken()).toEqual([]);
  journal.write(bytesOf("x"), false);
  begin(2);
  taken();
  disk.failing.add("sync folder");
  await expect(journal.sync()).rejects.toThrow("EIO");
  expect(taken()).toEqual(["sync 1", "sync 2", "sync folder"]);
  disk.failing.add("sync 1");
  await expect(journal.sync()).rejects.toThrow("EIO");
  taken();
  const syncing = journal.sync();
  // Written while the flush runs: it is for the next one.
  journal.write(bytesOf("y"), false);
  await syncing;
  expect(taken()).toEqual(["sync 1", "write 2", "sync 2", "sync folder"]);
  await journal.sync();
  expect(taken()).toEqual(["sync 2"]);
});

it("a segment is spent once its records have left, unless an older one or the newest head is needed", async () => {
  const { disk, journal, begin, taken } = newJournal();
  for (const first of [10, 20, 30]) begin(first);
  for (const number of [0, 1, 9, 10, 29, 30, 1_000]) journal.entered(number);
  const live = () => journal.segments.map((segment) => segment.live);
  const spent = () => journal.spent().map(({ firstNumber }) => firstNumber);
  expect(live()).toEqual([3, 1, 1, 2]);
  expect(spent()).toEqual([]);
  journal.left(10);
  journal.left(29);
  expect([live(), spent()]).toEqual([[3, 0, 0, 2], []]);
  for (const number of [0, 1]) journal.left(number);
  expect(spent()).toEqual([]);
  journal.left(9);
  expect(spent()).toEqual([1, 10, 20]);
  for (const number of [30, 1_000]) journal.left(number);
  expect(spent()).toEqual([1, 10, 20]);
  journal.end();
  expect(spent()).toEqual([1, 10, 20]);
  taken();
  await journal.delete(journal.spent());
  const each = (name: number) => [`close ${name}`, `remove ${name}`, "sync folder"];
  expect(taken()).toEqual([1, 2, 3].flatMap(each));
  expect([journal.segments.length, journal.bytes, disk.files().size]).toEqual([1, 4, 1]);
  journal.close();
  expect(taken()).toEqual(["close 4"]);
});

it("a write that was slow during a flush sends those of the next minute to the thread pool", async () => {
  const { disk, journal } = newJournal();
  for (const duringFlush of [false, true]) {
    expect(journal.write(bytesOf("fast"), duringFlush)).toBeUndefined();
    expect(journal.leavesToPool(true)).toBe(false);
  }
  disk.writeMs = 25;
  expect(journal.write(bytesOf("slow"), false)).toBeUndefined();
  expect(journal.leavesToPool(true)).toBe(false);
  expect(journal.write(bytesOf("slow"), true)).toBeUndefined();
  disk.writeMs = 0;
  expect([journal.leavesToPool(true), journal.leavesToPool(false)]).toEqual([true, false]);
  const pooled = journal.write(bytesOf("pooled"), true);
  expect(pooled).toBeInstanceOf(Promise);
  const before = journal.bytes;
  await pooled;
  expect(journal.bytes).toBe(before + "pooled".length);
  expect(disk.content(1)).toBe("headfastfastslowslowpooled");
  expect(journal.write(bytesOf("cached"), false)).toBeUndefined();
});
