import { queueNames } from "@chouette-iot/queue";
import { seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { setUpFlush as setUp } from "../../../../tests/support/flushing.js";
import { AGGREGATION_VECTORS, inOrder, isClose } from "../../../../tests/support/vectors.js";
import { datadogWrapper } from "../wrappers/datadog-wrapper.js";
import { simpleWrapper } from "../wrappers/simple-wrapper.js";
import { decodeWindowState, windowKeys } from "./window-state.js";

const queues = queueNames();

describe("flush", () => {
  it("makes of each recorded window what the original's wrappers made of it", async () => {
    for (const vector of AGGREGATION_VECTORS) {
      const wrap =
        vector.wrapper === "simple"
          ? simpleWrapper
          : datadogWrapper({
              histogramAggregates: vector.histogram_aggregates,
              histogramPercentiles: vector.histogram_percentiles,
            });
      const { put, flushAt, ready } = setUp({ wrap, interval: vector.interval });
      for (const record of vector.raw) await put({ ...record });
      await flushAt(vector.window_start + vector.interval + 2);
      const actual = inOrder(await ready());
      const expected = inOrder(vector.wrapped);
      expect(actual.map(({ points: _, ...rest }) => rest)).toEqual(
        expected.map(({ points: _, ...rest }) => rest),
      );
      for (const [index, { points }] of actual.entries()) {
        const [[at, value] = [0, Number.NaN]] = points;
        expect(at).toBe(vector.window_start);
        expect(value).toSatisfy((found: number) =>
          isClose(found, expected[index]?.points[0]?.[1] ?? Number.NaN),
        );
      }
    }
  });

  it("leaves a window alone until its grace has passed", async () => {
    const { put, flushAt, ready } = setUp();
    await put({ metric: "m", type: "count", value: 1, timestamp: 1009.5, tags: {} });
    expect(await flushAt(1011.9)).toMatchObject({ aggregated: 0 });
    expect(await ready()).toEqual([]);
    expect(await flushAt(1012)).toMatchObject({ aggregated: 1, ready: 1 });
  });

  it("sets aside what can't be used, each with its reason, and goes on", async () => {
    const { putText, put, store, flushAt, ready, rejected } = setUp();
    await put({ metric: "good", type: "count", value: 1, timestamp: 1000.1, tags: {} });
    await putText("{nonsense", 1000.2);
    await putText('{"metric":"m","type":"gauge","value":NaN,"timestamp":1000.2,"tags":{}}', 1000.2);
    await put({ metric: "m", type: "count", value: null, timestamp: 1000.3, tags: {} });
    await put({ metric: "m", type: "count", value: 1, timestamp: 1000.4, tags: ["a:b"] });
    await put({ type: "count", value: 1, timestamp: 1000.5, tags: {} });
    await put({ metric: "m", type: "sparkle", value: 1, timestamp: 1000.6, tags: {} });
    await put({ metric: "m", type: "set", value: 1, timestamp: 1000.7, tags: {} });
    await put({ metric: "good", type: "count", value: 2, timestamp: 1000.9, tags: {} });
    expect(await flushAt(1020)).toMatchObject({ aggregated: 2, ready: 1, rejected: 7 });
    expect((await ready()).map(({ points }) => points)).toEqual([[[1000, 3]]]);
    const reasons = (await rejected()).map(({ reason }) => reason);
    expect(reasons).toContainEqual(expect.stringContaining("not JSON"));
    expect(reasons).toContainEqual(expect.stringContaining("NaN"));
    expect(reasons).toContain("value should be a number, but is null");
    expect(reasons).toContain("tags should be an object of name: value, but is an array");
    expect(reasons).toContain("metric should be a name, but is missing");
    expect(reasons).toContainEqual(expect.stringContaining('but is "sparkle"'));
    expect(reasons).toContain("value should be an array, but is 1");
    expect(await store.size(queues.rawMetrics)).toBe(0);
  });

  it("gives each emission of a window a second of its own, and the last second all that is left", async () => {
    const { put, flushAt, ready, newFlusher } = setUp({ interval: 3 });
    for (let emission = 0; emission < 5; emission++) {
      await put({
        metric: "m",
        type: "count",
        value: 10 ** emission,
        timestamp: 1002.5 + emission / 100,
        tags: {},
      });
      // A new flusher each time: what it knows of the window comes from the store.
      await flushAt(1010 + emission, newFlusher());
    }
    expect((await ready()).map(({ points }) => points[0])).toEqual([
      [1002, 1],
      [1003, 10],
      [1004, 11100],
    ]);
  });

  it("remembers how many ready metrics all emissions of a window made: fewer that wait say that some were sent", async () => {
    const { put, flushAt, store } = setUp();
    for (const [metric, at] of [
      ["a", 1012],
      ["b", 1020],
      ["c", 1030],
    ] as const) {
      await put({ metric, type: "count", value: 1, timestamp: 1003, tags: {} });
      await flushAt(at);
    }
    const states = await store.stateWithPrefix(windowKeys(queues.rawMetrics).state);
    expect([...states.values()].map((text) => decodeWindowState(text, seconds(10)))).toEqual([
      expect.objectContaining({ emitted: 3, ready: 3 }),
    ]);
  });

  it("counts every record in exactly one second, however records and flushes interleave", async () => {
    const record = fc.record({
      metric: fc.constantFrom("a", "b"),
      value: fc.integer({ min: 1, max: 1000 }),
      at: fc.integer({ min: 0, max: 39 }),
      zone: fc.constantFrom("x", "y"),
    });
    const step = fc.oneof(
      { weight: 4, arbitrary: record },
      { weight: 1, arbitrary: fc.constant("flush" as const) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 10 }),
        async (steps, interval) => {
          const { put, flushAt, ready } = setUp({ interval });
          const sums = new Map<string, number>();
          for (const next of steps) {
            if (next === "flush") {
              await flushAt(1100);
              continue;
            }
            const { metric, value, at, zone } = next;
            const key = `${metric} ${zone}`;
            sums.set(key, (sums.get(key) ?? 0) + value);
            await put({ metric, type: "count", value, timestamp: 1000 + at, tags: { zone } });
          }
          await flushAt(1100);
          const seen = new Set<string>();
          const total = new Map<string, number>();
          for (const { metric, tags, points } of await ready()) {
            const [[at, value] = [0, 0]] = points;
            const key = `${metric} ${tags[0]?.slice("zone:".length)}`;
            expect(seen).not.toContain(`${key} ${at}`);
            seen.add(`${key} ${at}`);
            total.set(key, (total.get(key) ?? 0) + value);
          }
          expect(total).toEqual(sums);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("takes a window that is too large to be held in parts, and emits it once", async () => {
    const { store, flushAt, ready } = setUp();
    const records = Array.from({ length: 120_000 }, (_, index) => ({
      id: `id${index}`,
      score: 1000 + index / 120_000,
      value: `{"metric":"m","type":"count","value":1,"timestamp":${1000 + index / 120_000},"tags":{}}`,
    }));
    await store.append(queues.rawMetrics, records);
    expect(await flushAt(1020)).toMatchObject({ ready: 1 });
    expect((await ready()).map(({ points }) => points)).toEqual([[[1000, 120_000]]]);
    expect(await store.state([`parts:${queues.rawMetrics}:1000`])).toEqual([undefined]);
  });

  it("dead-letters the record that would make a sum infinite, and keeps the rest", async () => {
    for (const type of ["count", "rate", "gauge"]) {
      const { put, flushAt, ready, rejected } = setUp();
      await put({ metric: "m", type, value: 1.5e308, timestamp: 1000, tags: {} });
      await put({ metric: "m", type, value: 1.6e308, timestamp: 1001, tags: {} });
      expect(await flushAt(1020)).toMatchObject({ aggregated: 1, ready: 1, rejected: 1 });
      expect((await ready()).map(({ points }) => points)).toEqual([
        [[1000, type === "rate" ? 1.5e307 : 1.5e308]],
      ]);
      expect(await rejected()).toMatchObject([
        {
          reason: "the window's sum would be too large for a number",
          value: `{"metric":"m","type":"${type}","value":1.6e+308,"timestamp":1001,"tags":{}}`,
        },
      ]);
    }
  });

  it("dead-letters a context that comes to no number, as the raw records that it was made of", async () => {
    const wrap = datadogWrapper({ histogramAggregates: ["sum"], histogramPercentiles: [] });
    const { put, putText, flushAt, ready, rejected } = setUp({ wrap });
    const samples = [1.5e308, 1.6e308];
    for (const value of samples)
      await put({ metric: "m", type: "histogram", value, timestamp: 1000, tags: { "a b": "c" } });
    await flushAt(1020);
    expect(await ready()).toEqual([]);
    expect((await rejected()).map(({ reason }) => reason)).toEqual([
      "m.sum comes to Infinity, which JSON can't carry",
      "m.sum comes to Infinity, which JSON can't carry",
    ]);
    const letters = (await rejected()).map(({ value }) => JSON.parse(value));
    expect(letters.sort((a, b) => a.value - b.value)).toEqual(
      samples.map((value) => ({
        metric: "m",
        type: "histogram",
        value,
        timestamp: 1000,
        tags: { a_b: "c" },
      })),
    );
    // Requeued, all of them are taken again.
    for (const { value } of await rejected()) await putText(value, 1000);
    expect(await flushAt(1021)).toMatchObject({ aggregated: 2, rejected: 1 });
  });

  it("expires what is older than it may become, and counts it", async () => {
    const { put, flushAt, store } = setUp();
    await put({ metric: "m", type: "count", value: 1, timestamp: 1000, tags: {} });
    expect(await flushAt(20_000)).toMatchObject({ expired: 1, aggregated: 0 });
    expect(await store.counters()).toEqual(new Map([[`${queues.rawMetrics}:expired`, 1]]));
  });
});
