/** The embedded broker's file damaged, as by power cuts and worn cards: what can be read is kept, the rest is counted. */
import { closeSync, ftruncateSync, openSync, readdirSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { NewRecord } from "@chouette-iot/queue";
import { openLmdbStore } from "@chouette-iot/queue/lmdb/open";
import { milliseconds } from "@chouette-iot/record";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runChouette, startAgentProcess } from "../support/agent-process.js";
import { newFolder } from "../support/folders.js";

const QUEUE = "chouette:metrics:raw";
const RECORDS = 4_000;
const PAGE = 4_096;
/** Behind the meta pages. */
const PAGES_TO_DAMAGE = { min: 20, max: 120 };

let folder: Awaited<ReturnType<typeof newFolder>>;
beforeEach(async () => {
  folder = await newFolder();
});
afterEach(() => folder.remove());

const open = () => openLmdbStore({ directory: folder.path }, milliseconds(Date.now()));
const file = () => join(folder.path, "chouette.mdb");

async function fill(): Promise<ReadonlyMap<string, NewRecord>> {
  const { store } = await open();
  const records = Array.from({ length: RECORDS }, (_, index) => ({
    score: 1_000 + index,
    id: `id${index}`,
    value: JSON.stringify({ metric: "a.metric", type: "count", value: index }).padEnd(130),
  }));
  for (let first = 0; first < RECORDS; first += 500) {
    await store.append(QUEUE, records.slice(first, first + 500));
  }
  await store.settle({ notes: new Map([["a note", "its text"]]), count: new Map([["counted", 7]]) });
  await store.close();
  return new Map(records.map((record) => [record.id, record]));
}

function damage(change: (file: number) => void): void {
  const opened = openSync(file(), "r+");
  change(opened);
  closeSync(opened);
}

const overwrite = (first: number, pages: number, byte: number) =>
  damage((opened) => writeSync(opened, Buffer.alloc(pages * PAGE, byte), 0, pages * PAGE, first * PAGE));

/** Opens it, and holds what is there to what was. @returns how many of the records are there */
async function expectTheRest(records: ReadonlyMap<string, NewRecord>): Promise<number> {
  const { store, setAside } = await open();
  try {
    expect(setAside).toBeDefined();
    const left = await store.read(QUEUE, { limit: RECORDS + 1 });
    // Of a page that holds something else now, a value may be what it is: it is set aside as any bad record.
    const intact = left.filter(({ id, value }) => records.get(id)?.value === value);
    const known = (setAside?.recovered ?? 0) + (setAside?.lost ?? 0);
    expect([0, RECORDS]).toContain(known);
    expect(setAside?.recovered).toBe(left.length);
    const counted = (await store.counters()).get(`${QUEUE}:damaged`) ?? 0;
    expect(counted).toBe(setAside?.lost);
    await store.append(QUEUE, [{ score: 1, id: "after", value: "{}" }]);
    return intact.length;
  } finally {
    await store.close();
  }
}

describe("what can be read of a damaged file is kept", () => {
  it("wherever in the middle pages are zeroed or overwritten", { timeout: 120_000 }, async () => {
    const pages = fc.integer(PAGES_TO_DAMAGE);
    const length = fc.integer({ min: 1, max: 20 });
    const byte = fc.constantFrom(0, 0x5b, 0xff);
    await fc.assert(
      fc.asyncProperty(pages, length, byte, async (first, count, filler) => {
        await folder.remove();
        folder = await newFolder();
        const records = await fill();
        overwrite(first, count, filler);
        const { store, setAside } = await open();
        const left = await store.read(QUEUE, { limit: RECORDS + 1 });
        await store.close();
        expect(left.filter(({ id }) => !records.has(id))).toEqual([]);
        // The pages may have been free, or the one that all tables hang on.
        if (setAside === undefined) return expect(left).toHaveLength(RECORDS);
        expect([0, RECORDS]).toContain(setAside.recovered + setAside.lost);
        expect(left).toHaveLength(setAside.recovered);
      }),
      { numRuns: 5 },
    );
  });

  it("when a page of records is gone: all but those around it", async () => {
    const records = await fill();
    overwrite(60, 1, 0);
    expect(await expectTheRest(records)).toBeGreaterThan(RECORDS - 200);
  });

  it("when either meta page is gone", async () => {
    for (const [page, byte] of [
      [0, 0],
      [0, 0xa5],
      [1, 0xff],
    ] as const) {
      await folder.remove();
      folder = await newFolder();
      const records = await fill();
      overwrite(page, 1, byte);
      expect(await expectTheRest(records)).toBe(RECORDS);
    }
  });

  it("when the file's end is cut off", async () => {
    const records = await fill();
    damage((opened) => ftruncateSync(opened, statSync(file()).size - 2 * PAGE));
    expect(await expectTheRest(records)).toBeGreaterThan(RECORDS / 2);
  });

  it("or the store begins anew, where nothing can be read", async () => {
    const records = await fill();
    overwrite(0, Math.floor(statSync(file()).size / PAGE), 0x5b);
    expect(await expectTheRest(records)).toBe(0);
    expect((await open()).setAside).toBeUndefined();
  });

  it("and a file that is whole is left as it is", async () => {
    const records = await fill();
    const { store, setAside } = await open();
    expect(setAside).toBeUndefined();
    expect(await store.size(QUEUE)).toBe(records.size);
    expect(await store.notes(["a note"])).toEqual(["its text"]);
    await store.close();
  });
});

describe("one process at a time has the store", () => {
  it("however many open it at once", async () => {
    const opened = await Promise.allSettled(Array.from({ length: 5 }, open));
    const stores = opened.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value.store] : []));
    expect(stores.length).toBeLessThanOrEqual(1);
    for (const outcome of opened) {
      if (outcome.status === "rejected") expect(outcome.reason.message).toContain("another process");
    }
    for (const store of stores) await store.close();
    const { store } = await open();
    await store.close();
    expect(readdirSync(folder.path).filter((name) => name.startsWith(".lock"))).toEqual([]);
  });

  it("and a second agent says so and ends, until the first is gone, in whatever way", async () => {
    const settings = { CHOUETTE_LISTEN: "127.0.0.1:0", CHOUETTE_DATA_DIR: folder.path };
    const first = await startAgentProcess(settings);
    const second = runChouette(["agent"], settings);
    expect(await second.ended).toBe(1);
    expect(second.output()).toContain("another process has the store");
    await first.end("SIGKILL");
    const third = await startAgentProcess(settings);
    expect(await third.end()).toBe(0);
  });
});

it("the agent says that its file was damaged, and goes on", async () => {
  await fill();
  overwrite(30, 10, 0);
  const settings = { CHOUETTE_LISTEN: "127.0.0.1:0", CHOUETTE_DATA_DIR: folder.path };
  const agent = await startAgentProcess(settings);
  expect(agent.output()).toContain("the store's file was damaged");
  expect(readdirSync(folder.path).some((name) => name.startsWith("damaged-"))).toBe(true);
  expect(await agent.end()).toBe(0);
});

it("the agent ends where its file turns out to be damaged while it runs, and its next start sets it aside", async () => {
  await fill();
  const settings = {
    CHOUETTE_LISTEN: "127.0.0.1:0",
    CHOUETTE_DATA_DIR: folder.path,
    AGGREGATE_INTERVAL: "1",
  };
  const agent = await startAgentProcess(settings);
  const firstPage = 2;
  overwrite(firstPage, Math.floor(statSync(file()).size / PAGE) - firstPage, 0xa5);
  // LMDB itself may not survive what it reads there: then it is the signal that a supervisor sees.
  expect(await agent.ended).not.toBe(0);
  const next = await startAgentProcess(settings);
  expect(next.output()).toContain("the store's file was damaged");
  expect(await next.end()).toBe(0);
});
