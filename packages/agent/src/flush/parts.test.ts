/** Windows that are larger than memory should hold are taken in parts, and nothing of them is lost or counted twice. */
import { setTimeout as sleep } from "node:timers/promises";
import { queueNames, type Settlement, type StoredRecord } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { describe, expect, it } from "vitest";
import { setUpFlush } from "../../../../tests/support/flushing.js";
import { simpleWrapper } from "../wrappers/simple-wrapper.js";

const queues = queueNames();
const START = 1_000_000;
const PARTS_STATE = `parts:${queues.rawMetrics}:${START}`;

/** As long as records come when a few of them fill a page; of another 100,000 a window is taken in parts as well. */
const LENGTH = 100_000;
const PAGE = 10;

/** Records of one window, in the order in which they are stored, {@link LENGTH} characters each. */
function records(
  number: number,
  body: (index: number) => string,
): readonly (StoredRecord & { value: string })[] {
  return Array.from({ length: number }, (_, index) => {
    const timestamp = START + (9 * index) / number;
    const value = `{"metric":"m",${body(index)},"timestamp":${timestamp},"tags":{}}`;
    return { id: `id${String(index).padStart(7, "0")}`, score: timestamp, value: value.padEnd(LENGTH) };
  });
}

/** Counts of 1, of which 3,000 are in each window. */
function smallRecord(index: number): StoredRecord & { value: string } {
  const timestamp = START + Math.floor(index / 3_000) * 10;
  const value = `{"metric":"m","type":"count","value":1,"timestamp":${timestamp},"tags":{}}`;
  return { id: `id${index}`, score: timestamp, value };
}

/** A store that reports each settlement before it is applied. @param page records in a page, at most */
function watched(onSettle: (settlement: Settlement) => void | Promise<void>, page = PAGE): MemoryStore {
  const store = new MemoryStore();
  const { settle, read } = store;
  store.settle = async (settlement) => {
    await onSettle(settlement);
    return settle.call(store, settlement);
  };
  // As an engine does whose pages end by bytes: a short page is not the end.
  store.read = (queue, options) =>
    read.call(store, queue, { ...options, limit: Math.min(options.limit, page) });
  return store;
}

const partsOf = ({ state }: Settlement) => state?.get(PARTS_STATE);

describe("a window that is too large to be held", () => {
  it("is taken in several parts, which all count, and emitted once", async () => {
    const parts: string[] = [];
    const store = watched((settlement) => {
      const part = partsOf(settlement);
      if (part !== undefined) parts.push(part);
    });
    const { flushAt, ready } = setUpFlush({ store });
    await store.append(
      queues.rawMetrics,
      records(400, () => '"type":"count","value":1'),
    );
    expect(await flushAt(START + 20)).toMatchObject({ aggregated: 400, ready: 1 });
    expect((await ready()).map(({ points }) => points)).toEqual([[[START, 400]]]);
    expect(parts.length).toBe(2);
    expect(await store.state([PARTS_STATE])).toEqual([undefined]);
    expect((await store.counters()).get(`${queues.rawMetrics}:aggregated`)).toBe(400);
  });

  it("leaves parts that a crash left behind to the next flush", async () => {
    let isDown = false;
    const store = watched((settlement) => {
      if (isDown) throw new Error("crashed");
      if (partsOf(settlement) !== undefined) isDown = true;
    });
    const { flushAt, ready } = setUpFlush({ store });
    await store.append(
      queues.rawMetrics,
      records(200, () => '"type":"count","value":1'),
    );
    await expect(flushAt(START + 20)).rejects.toThrow("crashed");
    isDown = false;
    // What is left of the window goes elsewhere, so that only its parts bring it to mind.
    const queue = queues.rawMetrics;
    const left = await store.size(queue);
    const all = records(200, () => "");
    await store.settle({ remove: [{ queue, records: all }] });
    await flushAt(START + 30);
    expect((await ready()).map(({ points }) => points)).toEqual([[[START, 200 - left]]]);
    expect(await store.state([PARTS_STATE])).toEqual([undefined]);
  });

  it("is bounded by the length of its records as well as by their number", async () => {
    let largest = 0;
    const store = watched((settlement) => {
      const removed = (settlement.remove ?? []).flatMap((removal) => removal.records);
      largest = Math.max(largest, removed.length);
    });
    const { flushAt, ready, rejected } = setUpFlush({ store });
    const padding = "x".repeat(LENGTH);
    await store.append(
      queues.rawMetrics,
      records(400, (index) => `"type":"set","value":["${index}${padding}"]`),
    );
    expect(await flushAt(START + 20)).toMatchObject({ aggregated: 400, rejected: 0 });
    // 40 MB of them, of which no more than 16 are held.
    expect(largest).toBeLessThan(180);
    const total = (await ready()).reduce((sum, { points }) => sum + (points[0]?.[1] ?? 0), 0);
    expect(total).toBe(400);
    expect(await rejected()).toEqual([]);
  });

  it("makes dead letters of large records that can't be used before too many are held", async () => {
    let largest = 0;
    const store = watched(({ add = [] }) => {
      const added = add.flatMap(({ records: all }) => all);
      largest = Math.max(
        largest,
        added.reduce((sum, { value }) => sum + value.length, 0),
      );
    });
    const { flushAt } = setUpFlush({ store });
    await store.append(
      queues.rawMetrics,
      records(300, () => `"type":"${"y".repeat(LENGTH)}"`),
    );
    expect(await flushAt(START + 20)).toMatchObject({ rejected: 300 });
    expect(largest).toBeLessThan(12 * 1024 * 1024);
  });

  it("has the simple wrapper's mean of all its samples", async () => {
    const store = watched(() => {});
    const { flushAt, ready } = setUpFlush({ store, wrap: simpleWrapper });
    await store.append(
      queues.rawMetrics,
      records(400, (index) => `"type":"gauge","value":${index % 2}`),
    );
    await flushAt(START + 20);
    expect((await ready()).map(({ metric, points }) => [metric, points[0]?.[1]])).toEqual([
      ["m", 0.5],
      ["m.count", 400],
    ]);
  });
});

describe("a backlog of many small windows", () => {
  it("is settled in few steps, from its first window to its last", async () => {
    const steps: number[] = [];
    const store = watched(({ remove = [] }) => {
      steps.push(remove.reduce((sum, { records: removed }) => sum + removed.length, 0));
    }, 1_000);
    const { flushAt } = setUpFlush({ store });
    await store.append(
      queues.rawMetrics,
      Array.from({ length: 33_000 }, (_, index) => smallRecord(index)),
    );
    await flushAt(START + 1_000);
    expect(steps.reduce((sum, removed) => sum + removed, 0)).toBe(33_000);
    expect(steps.filter((removed) => removed > 0).length).toBeLessThanOrEqual(4);
  });
});

describe("a settlement that fails amid a flush", () => {
  const moments = (["reads", "settlements"] as const).flatMap((slow) =>
    [1, 2, 3, 4].map((failing) => ({ failing, slow })),
  );
  it.each(
    moments,
  )("fails the flush and nobody else, and counts nothing twice, if settlement $failing fails with slow $slow", async ({
    failing,
    slow,
  }) => {
    const store = new MemoryStore();
    const { read, settle } = store;
    const pause = async (what: typeof slow) => {
      if (what === slow) await sleep(5);
    };
    let left = 0;
    let underWay = 0;
    store.settle = async (settlement) => {
      underWay += 1;
      try {
        // However long it takes to fail: the flush may have come to the queue's end by then.
        await pause("settlements");
        if (--left === 0) throw new Error("gone");
        await settle.call(store, settlement);
      } finally {
        underWay -= 1;
      }
    };
    store.read = async (queue, options) => {
      await pause("reads");
      return read.call(store, queue, options);
    };
    const { flushAt, newFlusher, ready } = setUpFlush({ store });
    const flusher = newFlusher();
    await store.append(
      queues.rawMetrics,
      Array.from({ length: 33_000 }, (_, index) => smallRecord(index)),
    );
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", onUnhandled);
    left = failing;
    await expect(flushAt(START + 1000, flusher)).rejects.toThrow("gone");
    expect(underWay).toBe(0);
    await sleep(20);
    process.off("unhandledRejection", onUnhandled);
    expect(unhandled).toEqual([]);
    await flushAt(START + 1010, flusher);
    const values = (await ready()).map(({ points }) => points[0]);
    expect(values).toEqual(Array.from({ length: 11 }, (_, index) => [START + 10 * index, 3_000]));
  });

  it("counts nothing twice if it came into force and its answer was lost", async () => {
    const store = new MemoryStore();
    const { settle } = store;
    const { put, flushAt, newFlusher, ready } = setUpFlush({ store });
    const flusher = newFlusher();
    const count = { metric: "m", type: "count", value: 1, timestamp: START, tags: {} };
    await put(count);
    store.settle = async (settlement) => {
      await settle.call(store, settlement);
      throw new Error("no answer");
    };
    await expect(flushAt(START + 20, flusher)).rejects.toThrow("no answer");
    store.settle = settle;
    await put(count);
    await flushAt(START + 30, flusher);
    expect((await ready()).map(({ points }) => points[0])).toEqual([
      [START, 1],
      [START + 1, 1],
    ]);
  });

  it("rejects with the store's error if the state can't be read", async () => {
    const store = new MemoryStore();
    store.stateWithPrefix = async () => {
      throw new Error("gone");
    };
    const { flushAt } = setUpFlush({ store });
    await expect(flushAt(START)).rejects.toThrow("gone");
  });

  it("counts a record once that the store's size limit took out while it was aggregated", async () => {
    const store = watched(async ({ remove = [] }) => {
      const taken = remove.find(({ counter }) => counter?.endsWith(":aggregated"))?.records ?? [];
      if (taken.length === 0 || displaced) return;
      displaced = true;
      const queue = queues.rawMetrics;
      await store.settle({ remove: [{ queue, records: taken.slice(0, 2), counter: `${queue}:displaced` }] });
    });
    let displaced = false;
    const { put, flushAt } = setUpFlush({ store });
    for (let index = 0; index < 5; index++)
      await put({ metric: "m", type: "count", value: 1, timestamp: START + index, tags: {} });
    await flushAt(START + 20);
    const counters = await store.counters();
    expect(counters.get(`${queues.rawMetrics}:displaced`)).toBe(2);
    expect(counters.get(`${queues.rawMetrics}:aggregated`)).toBe(3);
  });
});
