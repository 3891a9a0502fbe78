/** On a full disk a flush is settled in steps, each of which has room for what it adds. */
import { queueNames, type Settlement, StoreFullError } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { setUpFlush } from "../../../../tests/support/flushing.js";
import { KEEPS_ALL } from "../aggregation/series-filter.js";
import { Windows } from "../runtime/windows.js";
import type { TimeLimits } from "./implausible-timestamps.js";
import { type OpenWindow, OpenWindows } from "./open-windows.js";
import { inSteps } from "./steps.js";
import { WindowGrid } from "./window-grid.js";

const queues = queueNames();
const START = 1_000_000;
const CONTEXTS = 500;
/** Records that a settlement may add. */
const ROOM = 40;

/** A store without room for larger settlements. @param onSettle is called with each that goes through */
function fullStore(onSettle: (settlement: Settlement) => void = () => {}): MemoryStore {
  const store = new MemoryStore();
  const { settle } = store;
  store.settle = async (settlement) => {
    const added = (settlement.add ?? []).reduce((sum, { records }) => sum + records.length, 0);
    if (added > ROOM) throw new StoreFullError("the disk is full");
    await settle.call(store, settlement);
    onSettle(settlement);
  };
  return store;
}

function record(metric: string, type: string, value: unknown, sensor: number) {
  return { metric, type, value, timestamp: START + (sensor % 10), tags: { sensor: `${sensor}` } };
}

describe("a flush on a full disk", () => {
  it("emits a window of many contexts step by step, all of it in one second", async () => {
    const store = fullStore();
    const { flushAt, put, ready } = setUpFlush({ store });
    for (let sensor = 0; sensor < CONTEXTS; sensor++) await put(record("m", "count", 1, sensor));
    for (let sensor = 0; sensor < CONTEXTS; sensor++) await put(record("m", "count", 1, sensor));
    expect(await flushAt(START + 20)).toMatchObject({ aggregated: 2 * CONTEXTS, ready: CONTEXTS });
    const metrics = await ready();
    expect(new Set(metrics.map(({ tags }) => tags.join())).size).toBe(CONTEXTS);
    expect(new Set(metrics.map(({ points }) => JSON.stringify(points)))).toEqual(
      new Set([JSON.stringify([[START, 2]])]),
    );
    expect(await store.size(queues.rawMetrics)).toBe(0);
    expect(await store.size(queues.readyMetrics)).toBe(CONTEXTS);
  });

  it("sends what comes to a window after a step of it at a later second, whatever ended the flush", async () => {
    let steps = 0;
    const store = fullStore(() => {
      steps += 1;
      if (steps === 5) throw new Error("the agent was killed");
    });
    const { flushAt, put, ready, newFlusher } = setUpFlush({ store });
    for (let sensor = 0; sensor < CONTEXTS; sensor++) await put(record("m", "count", 1, sensor));
    await expect(flushAt(START + 20)).rejects.toThrow("killed");
    const before = (await ready()).length;
    expect(before).toBeGreaterThan(0);
    for (let sensor = 0; sensor < CONTEXTS; sensor++) await put(record("m", "count", 1, sensor));
    await flushAt(START + 30, newFlusher());
    const sums = new Map<string, number>();
    const places = new Set<string>();
    for (const { tags, points } of await ready()) {
      for (const [at, value] of points) {
        sums.set(tags.join(), (sums.get(tags.join()) ?? 0) + value);
        places.add(`${tags.join()} ${at}`);
      }
    }
    expect(new Set(sums.values())).toEqual(new Set([2]));
    expect(places.size).toBe((await ready()).length);
  });

  it("sends a series once in a second, also if two contexts in different steps come to it", async () => {
    const { flushAt, put, ready, rejected } = setUpFlush({ store: fullStore() });
    const pairs = 100;
    for (let sensor = 0; sensor < pairs; sensor++) {
      await put(record("m", "count", 1, sensor));
      await put(record("m", "set", ["a", "b"], sensor));
    }
    await flushAt(START + 20);
    expect(await ready()).toHaveLength(pairs);
    expect(await rejected()).toHaveLength(pairs);
  });
});

describe("steps", () => {
  const positions = fc.array(fc.record({ score: fc.integer(), id: fc.string() }));

  it("have each record once, in order", () => {
    fc.assert(
      fc.property(positions, positions, fc.integer({ min: 1, max: 64 }), (expired, filtered, contexts) => {
        const steps = inSteps({ windows: [], unusable: [], expired, filtered }, contexts);
        expect(steps.flatMap((step) => step.expired)).toEqual(expired);
        expect(steps.flatMap((step) => step.filtered)).toEqual(filtered);
        for (const step of steps) expect(step.expired.length).toBeLessThanOrEqual(contexts);
      }),
    );
  });

  it("have no more contexts than they may, the oldest first, and one part of a window each", () => {
    const held = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 60 })));
    fc.assert(
      fc.property(held, fc.integer({ min: 1, max: 20 }), (records, contexts) => {
        const windows = openWindows(contexts);
        for (const [index, [window, sensor]] of records.entries()) windows.add(stored(index, window, sensor));
        const steps = inSteps(windows.takeBatch(), contexts);
        const taken = steps.flatMap((step) => step.windows.flatMap((open) => open.positions));
        expect(taken.map(({ id }) => id).sort()).toEqual(records.map((_, index) => `id${index}`).sort());
        for (const step of steps) {
          const starts = step.windows.map(({ window }) => window.start);
          expect(new Set(starts).size).toBe(starts.length);
          expect(step.windows.reduce((sum, { window }) => sum + window.size, 0)).toBeLessThanOrEqual(
            contexts,
          );
        }
        const parts = steps.flatMap((step) => step.windows);
        for (const start of new Set(parts.map(({ window }) => window.start))) {
          const firsts = parts.filter(({ window }) => window.start === start).map((open) => placeOf(open));
          expect(firsts).toEqual([...firsts].sort((a, b) => a - b));
        }
      }),
    );
  });
});

function openWindows(contexts: number): OpenWindows {
  const grid = new WindowGrid(new Windows(seconds(10), seconds(2)));
  const limits = { unset: 0, earliest: 0, latest: 2 * START, future: 2 * START } as unknown as TimeLimits;
  return new OpenWindows(grid, limits, [], KEEPS_ALL, contexts);
}

function stored(index: number, window: number, sensor: number) {
  const timestamp = START + window * 10;
  const value = JSON.stringify({ ...record("m", "count", 1, sensor), timestamp });
  return { id: `id${index}`, score: timestamp, value };
}

function placeOf({ positions: [first] }: OpenWindow): number {
  return Number(first?.id.slice("id".length));
}
