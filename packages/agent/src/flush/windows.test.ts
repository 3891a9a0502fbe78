/** Sums stay exact whatever changes between two emissions of a window: settings, the store, the records' own times. */
import { queueNames } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { setUpFlush } from "../../../../tests/support/flushing.js";
import { Windows } from "../runtime/windows.js";
import { WindowGrid } from "./window-grid.js";

const queues = queueNames();
const NOW = 1_000_000;
const count = (timestamp: number, value = 1) => ({
  ...{ metric: "m", type: "count", value, timestamp, tags: {} },
});

/** What Datadog keeps: the last value of a second. */
function kept(ready: readonly { readonly points: readonly (readonly [number, number])[] }[]) {
  return new Map(ready.flatMap(({ points }) => points));
}

function total(values: Iterable<number>): number {
  return [...values].reduce((sum, value) => sum + value, 0);
}

describe("windows", () => {
  it("keep their length when AGGREGATE_INTERVAL changes: no second is used twice", async () => {
    const step = fc.record({
      interval: fc.constantFrom(1, 2, 3, 5, 7, 10, 60),
      times: fc.array(fc.integer({ min: 0, max: 130 }), { maxLength: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        const { put, flushAt, newFlusher, ready } = setUpFlush();
        let stored = 0;
        for (const { interval, times } of steps) {
          for (const time of times) await put(count(NOW + time));
          stored += times.length;
          await flushAt(NOW + 300, newFlusher({ interval }));
        }
        const metrics = await ready();
        const values = kept(metrics);
        expect(values.size).toBe(metrics.length);
        expect(total(values.values())).toBe(stored);
      }),
      { numRuns: 300 },
    );
  });

  it("are emitted with their own length, by which a rate is divided", async () => {
    const { put, flushAt, newFlusher, ready } = setUpFlush();
    await put({ ...count(NOW + 1, 10), type: "rate" });
    await flushAt(NOW + 20, newFlusher({ interval: 10 }));
    await put({ ...count(NOW + 7, 20), type: "rate" });
    await flushAt(NOW + 30, newFlusher({ interval: 2 }));
    expect((await ready()).map(({ interval, points }) => [interval, points[0]])).toEqual([
      [10, [NOW, 1]],
      [10, [NOW + 1, 2]],
    ]);
  });

  it("keep the host of their first emission, whichever agent emits the rest", async () => {
    const { put, flushAt, newFlusher, ready } = setUpFlush({ interval: 2 });
    for (const [emission, host] of ["a", "b", "c"].entries()) {
      await put(count(NOW, 10 ** emission));
      await put({ ...count(NOW + 2), metric: host });
      await flushAt(NOW + 20 + emission, newFlusher({ host }));
    }
    const parts = await ready();
    // The last second is sent again whole: with another host, 10 would count twice.
    expect(parts.filter(({ metric }) => metric === "m")).toMatchObject([
      { host: "a", points: [[NOW, 1]] },
      { host: "a", points: [[NOW + 1, 110]] },
    ]);
    expect(new Set(parts.map(({ host }) => host))).toEqual(new Set(["a"]));
  });

  it("don't come back after they were forgotten if METRIC_TTL is raised", async () => {
    const { put, flushAt, newFlusher, ready, store } = setUpFlush();
    await put(count(NOW, 100));
    await flushAt(NOW + 20, newFlusher({ ttl: 100 }));
    await flushAt(NOW + 200, newFlusher({ ttl: 100 }));
    expect((await store.stateWithPrefix("window:")).size).toBe(0);
    await put(count(NOW + 1, 5));
    expect(await flushAt(NOW + 210, newFlusher({ ttl: 1000 }))).toMatchObject({ aggregated: 0, expired: 1 });
    expect(kept(await ready())).toEqual(new Map([[NOW, 100]]));
    expect((await store.counters()).get(`${queues.rawMetrics}:expired`)).toBe(1);
    // And what isn't older than what was forgotten counts as ever.
    await put(count(NOW + 150, 7));
    expect(await flushAt(NOW + 220, newFlusher({ ttl: 1000 }))).toMatchObject({ aggregated: 1 });
  });

  it("that were forgotten by a clock that was ahead cost nothing by the right one", async () => {
    const { put, flushAt, ready } = setUpFlush({ ttl: 100 });
    await put(count(NOW + 100_000));
    await flushAt(NOW + 100_020);
    await flushAt(NOW + 100_500);
    await put(count(NOW + 1, 3));
    await flushAt(NOW + 20);
    expect(kept(await ready()).get(NOW)).toBe(3);
  });

  it("are settled as forgotten once", async () => {
    const store = new MemoryStore();
    const { put, flushAt, newFlusher } = setUpFlush({ store, ttl: 100 });
    const flusher = newFlusher();
    await put(count(NOW));
    await flushAt(NOW + 20, flusher);
    await flushAt(NOW + 200, flusher);
    let settled = 0;
    const { settle } = store;
    store.settle = (settlement) => {
      settled += 1;
      return settle.call(store, settlement);
    };
    await flushAt(NOW + 210, flusher);
    expect(settled).toBe(0);
  });

  it("of a Redis that came back with older data are emitted again into the same second", async () => {
    const store = new MemoryStore();
    const { put, flushAt, newFlusher, ready } = setUpFlush({ store });
    const flusher = newFlusher();
    await put(count(NOW, 5));
    await flushAt(NOW + 20, flusher);
    // As it was before the flush: the record is there, the window's state and the ready metric aren't.
    const sent = await ready();
    const records = await store.read(queues.readyMetrics, { limit: 10 });
    const state = [...(await store.stateWithPrefix("window:")).keys()];
    await store.settle({
      remove: [{ queue: queues.readyMetrics, records }],
      state: new Map(state.map((key) => [key, undefined])),
    });
    await put(count(NOW, 5));
    await expect(flushAt(NOW + 30, flusher)).rejects.toThrow("stale");
    await flushAt(NOW + 31, flusher);
    expect(kept([...sent, ...(await ready())])).toEqual(new Map([[NOW, 5]]));
  });

  it("are read again after forget(), and a flush that is under way then settles nothing by what it knew", async () => {
    const store = new MemoryStore();
    const { put, flushAt, newFlusher, ready } = setUpFlush({ store });
    const flusher = newFlusher();
    await put(count(NOW));
    await flushAt(NOW + 20, flusher);
    await put(count(NOW + 1));
    const { orphans, read } = store;
    store.read = async (queue, options) => {
      // Amid the flush.
      if (queue === queues.rawMetrics && options.before === NOW + 20) flusher.forget();
      return read.call(store, queue, options);
    };
    await expect(flushAt(NOW + 30, flusher)).rejects.toThrow("stale");
    store.read = read;
    store.orphans = orphans;
    await flushAt(NOW + 31, flusher);
    expect(kept(await ready())).toEqual(
      new Map([
        [NOW, 1],
        [NOW + 1, 1],
      ]),
    );
  });
});

describe("a late part of a set", () => {
  const set = (timestamp: number, ...value: readonly string[]) => ({
    ...{ metric: "s", type: "set", value, timestamp, tags: {} },
  });

  it("counts its own elements at a second of its own, and in the last second what it adds to the others", async () => {
    for (const [interval, expected] of [
      [
        10,
        [
          [NOW, 2],
          [NOW + 1, 2],
        ],
      ],
      [1, [[NOW, 3]]],
    ] as const) {
      const { put, flushAt, ready } = setUpFlush({ interval });
      await put(set(NOW, "a", "b"));
      await flushAt(NOW + 20);
      await put(set(NOW, "b", "c"));
      await flushAt(NOW + 30);
      expect([...kept(await ready())]).toEqual(expected);
    }
  });
});

describe("a record's own time", () => {
  it("makes it a dead letter if it lies far in the future, and leaves no state of a window", async () => {
    const { put, flushAt, newFlusher, store, rejected } = setUpFlush();
    const flusher = newFlusher();
    await flushAt(NOW, flusher);
    for (let index = 0; index < 2_000; index++) await put(count(NOW + 10_000 + 10 * index), NOW);
    expect(await flushAt(NOW + 700, flusher)).toMatchObject({ aggregated: 0, rejected: 2_000 });
    expect((await store.stateWithPrefix("window:")).size).toBe(0);
    expect((await rejected())[0]?.reason).toBe("stamped more than 600 s in the future");
  });

  it("has it wait where it is right after the agent's start: the clock may be behind", async () => {
    const { put, flushAt, newFlusher, store } = setUpFlush();
    await flushAt(NOW);
    const flusher = newFlusher();
    await put(count(NOW + 10_000), NOW);
    expect(await flushAt(NOW + 100, flusher)).toMatchObject({ aggregated: 0, rejected: 0 });
    expect(await store.size(queues.rawMetrics)).toBe(1);
    expect((await store.stateWithPrefix("window:")).size).toBe(0);
  });

  it("makes it a dead letter at once, as its score does, if no clock shows such a time", async () => {
    const { put, flushAt, rejected, store } = setUpFlush();
    await put(count(5e9), NOW);
    await put(count(NOW), 5e9);
    await put(count(NOW), Number.POSITIVE_INFINITY);
    expect(await flushAt(NOW + 20)).toMatchObject({ aggregated: 0, rejected: 3 });
    expect((await rejected()).map(({ reason }) => reason)).toEqual(
      Array.from({ length: 3 }, () => "stamped more than 600 s in the future"),
    );
    expect(await store.size(queues.rawMetrics)).toBe(0);
  });

  it("has it expire, counted, if it is older than METRIC_TTL", async () => {
    const { put, flushAt, store, ready } = setUpFlush();
    await put(count(NOW - 14_500), NOW);
    expect(await flushAt(NOW + 20)).toMatchObject({ expired: 1, aggregated: 0 });
    expect(await ready()).toEqual([]);
    expect((await store.counters()).get(`${queues.rawMetrics}:expired`)).toBe(1);
  });

  it("makes it a dead letter if the clock wasn't set then", async () => {
    const { put, flushAt, rejected } = setUpFlush({ earliestPlausible: NOW - 100 });
    await put(count(5), NOW);
    expect(await flushAt(NOW + 20)).toMatchObject({ rejected: 1 });
    expect((await rejected())[0]?.reason).toBe("stamped by a clock that was not set");
  });

  it("forgets windows of the future that a wrong clock has left", async () => {
    const { put, flushAt, newFlusher, store } = setUpFlush();
    await put(count(NOW + 100_000));
    await flushAt(NOW + 100_020);
    const flusher = newFlusher();
    await flushAt(NOW, flusher);
    expect((await store.stateWithPrefix("window:")).size).toBe(1);
    await flushAt(NOW + 700, flusher);
    expect((await store.stateWithPrefix("window:")).size).toBe(0);
  });
});

describe("the grid of windows", () => {
  it("gives every second to one window, the same until it is forgotten", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(1, 2, 3, 7, 10), fc.array(fc.integer({ min: 0, max: 60 })))),
        (eras) => {
          const known = new Map<number, number>();
          for (const [interval, times] of eras) {
            const grid = new WindowGrid(new Windows(seconds(interval), seconds(2)));
            for (const [start, length] of known)
              grid.add({ start: seconds(start), interval: seconds(length) });
            for (const time of times) {
              const { start, interval: length } = grid.windowAt(seconds(time + 0.5));
              expect(start).toBeLessThanOrEqual(time);
              expect(start + length).toBeGreaterThan(time);
              expect(grid.startAt(seconds(time + 0.5))).toBe(start);
              for (const [other, otherLength] of known) {
                const isApart = other + otherLength <= start || start + length <= other;
                expect(isApart || (other === start && otherLength === length)).toBe(true);
              }
              known.set(start, length);
              grid.add({ start, interval: length });
            }
          }
        },
      ),
    );
  });

  it("is as it was once a window off it is removed", () => {
    const grid = new WindowGrid(new Windows(seconds(10), seconds(2)));
    const off = { start: seconds(8), interval: seconds(4) };
    grid.add(off);
    expect(grid.windowAt(seconds(11.5))).toEqual(off);
    expect(grid.windowAt(seconds(7))).toEqual({ start: 0, interval: 8 });
    expect(grid.windowAt(seconds(12))).toEqual({ start: 12, interval: 8 });
    grid.remove(off);
    expect(grid.windowAt(seconds(11.5))).toEqual({ start: 10, interval: 10 });
  });

  it("keeps the other windows of a cell when one of them is removed", () => {
    const grid = new WindowGrid(new Windows(seconds(10), seconds(2)));
    const [first, other] = [
      { start: seconds(1), interval: seconds(2) },
      { start: seconds(5), interval: seconds(3) },
    ];
    grid.add(first);
    grid.add(other);
    grid.remove(first);
    expect(grid.windowAt(seconds(5.5))).toEqual(other);
    expect(grid.windowAt(seconds(1.5))).toEqual({ start: 0, interval: 5 });
  });
});
