import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { QueueWrite } from "../broker-store.js";
import { importLmdb } from "./import-lmdb.js";
import { openEmbeddedStore } from "./open-embedded-store.js";

/** Of `store-0.1.0.mdb.gz`: its records and orphans, and what it remembers beside them. */
const WHOLE = { records: 2_072, orphans: 1, state: 3 };
const PAGE_BYTES = 4_096;
const HEADER = 24;

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "chouette-"));
  path = join(folder, "chouette.mdb");
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("the file of version 0.1.0", () => {
  it("is read until the deadline: what the agent remembers first, and what is missing is counted", async () => {
    const fixture = new URL("../../../../tests/fixtures/store-0.1.0.mdb.gz", import.meta.url);
    writeFileSync(path, gunzipSync(readFileSync(fixture)));
    const deadline = performance.now() + 500;
    const done: number[] = [];
    const written: QueueWrite[] = [];
    const imported = await importLmdb(path, {
      // A disk that is slower than there is time.
      write: async (writes) => {
        written.push(...writes);
        await sleep(Math.max(0, deadline - performance.now()) + 5);
      },
      deadline,
      onProgress: (part) => done.push(part),
    });
    const missing = [...imported.lost.values()].reduce((sum, count) => sum + count, 0);
    expect(imported.records + missing).toBe(WHOLE.records);
    expect(missing).toBeGreaterThan(0);
    expect(written.length).toBeGreaterThan(0);
    expect(imported.isUnknown).toBe(false);
    expect(imported.state.size).toBe(WHOLE.state);
    expect(done).toEqual([...done].sort((a, b) => a - b));
    expect(done.at(-1)).toBeLessThanOrEqual(1);
  });

  it("is read whole if there is time, in batches, and its progress is shown", async () => {
    const fixture = new URL("../../../../tests/fixtures/store-0.1.0.mdb.gz", import.meta.url);
    writeFileSync(path, gunzipSync(readFileSync(fixture)));
    const sizes: number[] = [];
    const done: number[] = [];
    const imported = await importLmdb(path, {
      write: async ({ length }) => void sizes.push(length),
      deadline: performance.now() + 60_000,
      onProgress: (part) => done.push(part),
    });
    expect(imported).toMatchObject({ records: WHOLE.records, isUnknown: false });
    expect([imported.lost.size, imported.state.size]).toEqual([0, WHOLE.state]);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(WHOLE.records + WHOLE.orphans);
    expect(Math.max(...sizes)).toBe(1_000);
    expect(done.length).toBe(sizes.length);
    expect(new Set(done).size).toBeGreaterThan(2);
    expect(done.at(-1)).toBeGreaterThan(0.99);
  });

  it.each([
    ["never if it takes no time", 0, 0, 0],
    ["after each part if a part takes longer than five seconds", 5_001, 6, 20],
    ["every five seconds otherwise", 500, 1, 4],
  ])("has the progress of its import by a store reported %s", async (_, msPerLook, fewest, most) => {
    const fixture = new URL("../../../../tests/fixtures/store-0.1.0.mdb.gz", import.meta.url);
    writeFileSync(path, gunzipSync(readFileSync(fixture)));
    let now = performance.now();
    const clock = vi.spyOn(performance, "now").mockImplementation(() => (now += msPerLook));
    const done: number[] = [];
    try {
      const { store, takenOver } = await openEmbeddedStore({
        folder,
        maxRecoveryMs: 2 ** 40,
        onProgress: (part) => done.push(part),
      });
      await store.close();
      expect(takenOver).toEqual({ records: WHOLE.records, lost: 0, isUnknown: false });
    } finally {
      clock.mockRestore();
    }
    expect(done.length).toBeGreaterThanOrEqual(fewest);
    expect(done.length).toBeLessThanOrEqual(most);
  });

  it("ends, also if its pages lead to themselves", async () => {
    writeFileSync(path, Buffer.concat([metaPage(1), pageOfItself(1)]));
    const read = importLmdb(path, {
      write: async () => {},
      deadline: performance.now() + 60_000,
      onProgress: () => {},
    });
    expect(await read).toMatchObject({ records: 0, isUnknown: true });
  });
});

/** Names the page at which the tables begin. */
function metaPage(root: number): Buffer {
  const page = Buffer.alloc(PAGE_BYTES);
  page.writeUInt32LE(0xbeefc0de, HEADER);
  page.writeUInt32LE(PAGE_BYTES, 48);
  page.writeBigUInt64LE(BigInt(root), 136);
  return page;
}

/** A branch whose every child is the page itself. */
function pageOfItself(number: number): Buffer {
  const page = Buffer.alloc(PAGE_BYTES);
  const [children, branch, nodeAt] = [100, 1, 1_000];
  page.writeBigUInt64LE(BigInt(number), 0);
  page.writeUInt16LE(branch, 18);
  page.writeUInt16LE(children * 2, 20);
  for (let child = 0; child < children; child++) page.writeUInt16LE(nodeAt, HEADER + child * 2);
  page.writeUInt32LE(number, HEADER + nodeAt);
  return page;
}
