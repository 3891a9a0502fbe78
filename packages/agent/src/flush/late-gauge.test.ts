import { queueNames } from "@chouette-iot/queue";
import { seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { setUpFlush } from "../../../../tests/support/flushing.js";
import { GaugeTimes } from "../aggregation/gauge-times.js";
import { simpleWrapper } from "../wrappers/simple-wrapper.js";

const queues = queueNames();
const START = 1_000_000;
const gauge = (timestamp: number, value: number, metric = "g") => ({
  ...{ metric, type: "gauge", value, timestamp, tags: {} },
});

describe("a late gauge", () => {
  it("never replaces a newer one, however parts come and flushes fall", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 99 }), fc.boolean()), { minLength: 1, maxLength: 40 }),
        fc.constantFrom(1, 2, 10),
        async (steps, interval) => {
          const { put, flushAt, ready } = setUpFlush({ interval });
          const newest = new Map<number, number>();
          for (const [tenths, flushes] of steps) {
            const at = START + tenths / 10;
            const window = Math.floor(at / interval);
            newest.set(window, Math.max(tenths, newest.get(window) ?? 0));
            await put(gauge(at, tenths));
            if (flushes) await flushAt(START + 100);
          }
          await flushAt(START + 100);
          const shown = new Map<number, [number, number]>();
          for (const { points } of await ready()) {
            const [[at, value] = [0, 0]] = points;
            const window = Math.floor(at / interval);
            if (at >= (shown.get(window)?.[0] ?? 0)) shown.set(window, [at, value]);
          }
          for (const [window, value] of newest) expect(shown.get(window)?.[1]).toBe(value);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("is shown if it is the newest, or of another series", async () => {
    const { put, flushAt, ready } = setUpFlush();
    await put(gauge(START + 5, 5));
    await flushAt(START + 20);
    await put(gauge(START + 4, 4));
    await put(gauge(START + 1, 1, "other"));
    await flushAt(START + 21);
    await put(gauge(START + 6, 6));
    await flushAt(START + 22);
    expect((await ready()).map(({ metric, points }) => [metric, ...(points[0] ?? [])])).toEqual([
      ["g", START, 5],
      ["other", START + 1, 1],
      ["g", START + 2, 6],
    ]);
  });

  it("still counts as a sample where samples are counted", async () => {
    const { put, flushAt, ready } = setUpFlush({ wrap: simpleWrapper });
    await put(gauge(START + 5, 5));
    await flushAt(START + 20);
    await put(gauge(START + 4, 4));
    await flushAt(START + 21);
    expect((await ready()).map(({ metric, points }) => [metric, ...(points[0] ?? [])])).toEqual([
      ["g", START, 5],
      ["g.count", START, 1],
      ["g.count", START + 1, 1],
    ]);
  });

  it("has its time kept for an hour, and its window's state for METRIC_TTL", async () => {
    const { put, flushAt, newFlusher, store } = setUpFlush();
    const flusher = newFlusher();
    await put(gauge(START, 1));
    await flushAt(START + 20, flusher);
    expect((await store.stateWithPrefix("gauges:")).size).toBe(1);
    await flushAt(START + 3_700, flusher);
    expect((await store.stateWithPrefix("gauges:")).size).toBe(0);
    expect((await store.stateWithPrefix(`window:${queues.rawMetrics}`)).size).toBe(1);
    await put(gauge(START + 1, 2));
    expect(await flushAt(START + 3_710, flusher)).toMatchObject({ ready: 1 });
  });
});

it("keeps the times of gauges in eight bytes each, and gives them back", () => {
  const window = { start: seconds(START), interval: seconds(10) };
  const times = new GaugeTimes(window, undefined);
  expect(times.toText()).toBeUndefined();
  for (let index = 0; index < 1_000; index++) times.add(`gauge ${index}`, seconds(START + index / 100));
  const text = times.toText() ?? "";
  expect(Buffer.from(text, "base64").length).toBe(8_000);
  const again = new GaugeTimes(window, text);
  for (let index = 1; index < 999; index++) {
    const at = START + index / 100;
    expect(again.hasNewer(`gauge ${index}`, seconds(at - 0.005))).toBe(true);
    expect(again.hasNewer(`gauge ${index}`, seconds(at))).toBe(false);
    expect(again.hasNewer(`another ${index}`, seconds(START))).toBe(false);
  }
});
