/** Whatever one record causes costs that record alone. */
import { queueNames } from "@chouette-iot/queue";
import { decodeReadySketch, RawMetricReader } from "@chouette-iot/record";
import { describe, expect, it, vi } from "vitest";
import { setUpFlush } from "../../../../tests/support/flushing.js";
import { Window } from "../aggregation/window.js";
import { askQueues } from "../status/queue-requests.js";
import { datadogWrapper } from "../wrappers/datadog-wrapper.js";
import { simpleWrapper } from "../wrappers/simple-wrapper.js";

const queues = queueNames();
const HUGE = 1.5e308;
const plain = datadogWrapper({ histogramAggregates: ["max"], histogramPercentiles: [] });
const count = (value: number, timestamp: number, metric = "m") => ({
  ...{ metric, type: "count", value, timestamp, tags: {} },
});

describe("one record costs one record", () => {
  it("if it is nested so deeply that it can't be worked on", async () => {
    const { put, putText, flushAt, ready, rejected, store } = setUpFlush();
    const nested = `${"[".repeat(5000)}${"]".repeat(5000)}`;
    await put(count(1, 1000));
    await putText(`{"metric":"m","type":"set","value":[${nested}],"timestamp":1001,"tags":{}}`, 1001);
    await putText(`{"metric":"m","type":"count","value":1,"timestamp":1001,"tags":{"a":${nested}}}`, 1001);
    await put(count(2, 1002));
    expect(await flushAt(1020)).toMatchObject({ aggregated: 2, rejected: 2 });
    expect((await ready()).map(({ points }) => points)).toEqual([[[1000, 3]]]);
    expect((await rejected()).map(({ reason }) => typeof reason)).toEqual(["string", "string"]);
    expect(await store.size(queues.rawMetrics)).toBe(0);
  });

  it.each([
    ["decoded", RawMetricReader.prototype, "read"],
    ["added up", Window.prototype, "add"],
  ] as const)("if anything is thrown while it is %s", async (_, prototype, name) => {
    const { put, flushAt, ready, rejected, store } = setUpFlush();
    for (const value of [1, 2, 4]) await put(count(value, 1000 + value));
    const step: (...args: unknown[]) => unknown = Reflect.get(prototype, name);
    let calls = 0;
    // Nothing is known that makes it throw: the boundary is there for what isn't known.
    const spy = vi.spyOn(prototype as unknown as Record<string, typeof step>, name);
    spy.mockImplementation(function (this: unknown, ...args) {
      calls += 1;
      if (calls === 2) throw new RangeError("thrown by the test");
      return Reflect.apply(step, this, args);
    });
    try {
      expect(await flushAt(1020)).toMatchObject({ aggregated: 2, rejected: 1 });
    } finally {
      spy.mockRestore();
    }
    expect((await ready()).map(({ points }) => points)).toEqual([[[1000, 5]]]);
    expect((await rejected()).map(({ reason }) => reason)).toEqual(["thrown by the test"]);
    expect(await store.size(queues.rawMetrics)).toBe(0);
  });

  it("if it would make a sum infinite: the others are added up without it", async () => {
    for (const type of ["count", "rate", "gauge"]) {
      const { put, flushAt, ready, rejected } = setUpFlush();
      await put({ ...count(HUGE, 1000), type });
      await put({ ...count(HUGE, 1001), type });
      await put({ ...count(-HUGE / 2, 1002), type });
      expect(await flushAt(1020)).toMatchObject({ aggregated: 2, ready: 1, rejected: 1 });
      const expected = { count: HUGE / 2, rate: HUGE / 20, gauge: -HUGE / 2 }[type];
      expect((await ready())[0]?.points).toEqual([[1000, expected]]);
      const [{ reason, value }] = await rejected();
      expect(reason).toBe("the window's sum would be too large for a number");
      expect(JSON.parse(value)).toMatchObject({ timestamp: 1001, value: HUGE });
    }
  });

  it("if what becomes of it in the last second can't be added: what was kept of that second stays", async () => {
    const { put, flushAt, ready, rejected } = setUpFlush({ interval: 1 });
    await put(count(HUGE, 1000));
    await flushAt(1010);
    await put(count(HUGE, 1000.1));
    expect(await flushAt(1011)).toMatchObject({ ready: 0, rejected: 1 });
    await put(count(-1e308, 1000.2));
    await flushAt(1012);
    expect((await ready()).map(({ points }) => points)).toEqual([[[1000, HUGE - 1e308]]]);
    expect((await rejected()).map(({ reason }) => reason)).toEqual([
      "the window's sum would be too large for a number",
    ]);
  });

  it("if the wrapper refuses the last second with it", async () => {
    const { put, flushAt, ready, rejected } = setUpFlush({ interval: 1, wrap: simpleWrapper });
    const set = (value: readonly unknown[], timestamp: number) =>
      put({ metric: "s", type: "set", value, timestamp, tags: {} });
    await set([1, 3], 1000);
    await flushAt(1010);
    await set(["text"], 1000.1);
    await flushAt(1011);
    await set([5], 1000.2);
    await flushAt(1012);
    expect((await ready()).map(({ metric, points }) => [metric, points[0]?.[1]])).toEqual([
      ["s", 3],
      ["s.count", 3],
    ]);
    expect(await rejected()).toHaveLength(1);
  });

  it("if the wrapper throws: the context becomes dead letters that add up to it again", async () => {
    let isBroken = true;
    const { put, flushAt, ready, rejected, store } = setUpFlush({
      wrap: (context, at, interval) => {
        if (isBroken && context.metric !== "good") throw new Error("no such luck");
        return plain(context, at, interval);
      },
    });
    await put(count(1, 1000, "good"));
    const types = { count: 2, gauge: 3, rate: 4, histogram: 5, distribution: 6, set: ["a", 1, 2.5] };
    for (const [type, value] of Object.entries(types)) {
      await put({ metric: type, type, value, timestamp: 1001, tags: { a: "b" } });
      await put({ metric: type, type, value, timestamp: 1002, tags: { a: "b" } });
    }
    await flushAt(1020);
    expect((await ready()).map(({ metric }) => metric)).toEqual(["good"]);
    expect(new Set((await rejected()).map(({ reason }) => reason))).toEqual(
      new Set(["the wrapper failed: no such luck"]),
    );
    isBroken = false;
    expect(await askQueues([{ store, queues }], { kind: "requeue" }, 1020)).toMatchObject({ left: 0 });
    await flushAt(1030);
    const values = (await ready()).map(({ metric, points }) => [metric, points[0]?.[1]]);
    expect(Object.fromEntries(values)).toEqual({
      ...{ good: 1, count: 4, gauge: 3, rate: 0.8, set: 3 },
      "histogram.max": 5,
    });
    const [sketch] = await store.read(queues.sketches, { limit: 2 });
    expect(decodeReadySketch(sketch?.value ?? "")).toMatchObject({
      value: { metric: "distribution", sketch: { count: 2, min: 6, max: 6, sum: 12 } },
    });
    expect(await rejected()).toEqual([]);
  });

  it("gives back a set that the simple wrapper refused as it was stored", async () => {
    const { put, flushAt, rejected, store } = setUpFlush({ wrap: simpleWrapper });
    const record = { metric: "s", type: "set", value: ["a", 1, 2.5], timestamp: 1000, tags: { a: "b" } };
    await put(record);
    await flushAt(1020);
    const [{ value }] = await rejected();
    expect(JSON.parse(value)).toEqual(record);
    await askQueues([{ store, queues }], { kind: "requeue" }, 1020);
    await flushAt(1030);
    expect((await rejected()).map(({ reason }) => reason)).toEqual([
      expect.stringContaining("the simple wrapper only takes sets of numbers"),
    ]);
  });

  it("keeps the dead letters of records that had the same id", async () => {
    const { store, flushAt, rejected } = setUpFlush();
    for (const text of ["nonsense", "more nonsense"]) {
      await store.append(queues.rawMetrics, [{ id: "same", score: 1000, value: text }]);
      await flushAt(1020);
    }
    expect((await rejected()).map(({ value }) => value).sort()).toEqual(["more nonsense", "nonsense"]);
    expect((await store.counters()).get(`${queues.rejected}:accepted`)).toBe(2);
  });

  it("goes on without what was kept of a window if it can't be read, and says what it was", async () => {
    for (const text of [
      "{",
      "{}",
      "[1]",
      '[{"context":{"metric":"m","type":"x"}}]',
      '[{"context":{"metric":"m","tags":{},"type":"count","sum":{"total":null}},"readyIds":[]}]',
    ]) {
      const { put, flushAt, ready, rejected, store } = setUpFlush({ interval: 1 });
      await put(count(1, 1000));
      await flushAt(1010);
      await store.settle({ state: new Map([[`last:${queues.rawMetrics}:1000`, text]]) });
      await put(count(2, 1000.5));
      await flushAt(1011);
      expect((await ready()).map(({ points }) => points)).toContainEqual([[1000, 2]]);
      const letters = await rejected();
      expect(letters).toMatchObject([{ value: text }]);
      expect(letters[0]?.reason).toContain("what was kept of the window at 1000 can't be read");
    }
  });

  it("takes a window's state that can't be read for none", async () => {
    const { put, flushAt, ready, store } = setUpFlush();
    await store.settle({ state: new Map([[`window:${queues.rawMetrics}:1000`, "{"]]) });
    await put(count(1, 1000));
    await flushAt(1020);
    await put(count(2, 1001));
    await flushAt(1030);
    expect((await ready()).map(({ points }) => points[0])).toEqual([
      [1000, 1],
      [1001, 2],
    ]);
  });
});
