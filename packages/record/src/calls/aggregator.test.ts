/** What the aggregator stores adds up to the calls, second by second. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromPlainSketch } from "../sketch.js";
import { Aggregator } from "./aggregator.js";
import { Metric, type MetricContext } from "./metric-context.js";

const START = 1_000_000;

interface Stored {
  readonly context: MetricContext;
  readonly value: number | string;
  readonly at: number;
}

function startAggregator(limit = 1_000) {
  const stored: Stored[] = [];
  const counters = { aggregated: 0, overflowed: 0 };
  const aggregator = new Aggregator(limit, counters, async (context, value, at) => {
    stored.push({ context, value, at });
    return true;
  });
  return { stored, counters, aggregator };
}

/** Calls in time order: which context, a value, and the milliseconds since the call before. */
const calls = fc.array(
  fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: -5, max: 5 }), fc.integer({ min: 0, max: 900 })),
  { minLength: 1, maxLength: 60 },
);

/** The samples of a record: of one call, of a histogram's pairs, or of a sketch. */
function countOf(value: number | string): number {
  if (typeof value === "number") return 1;
  const parsed: unknown = JSON.parse(value);
  if (!Array.isArray(parsed)) return fromPlainSketch(parsed)?.count ?? Number.NaN;
  return parsed.reduce((sum: number, [, weight]) => sum + weight, 0);
}

function sumOf(value: number | string): number {
  if (typeof value === "number") return value;
  const parsed: unknown = JSON.parse(value);
  if (!Array.isArray(parsed)) return fromPlainSketch(parsed)?.sum ?? Number.NaN;
  return parsed.reduce((sum: number, [sample, weight]) => sum + sample * weight, 0);
}

/** By context and second: the sums of what `of` returns. */
function bySecond<T>(items: readonly T[], of: (item: T) => readonly [name: string, at: number, sum: number]) {
  const sums = new Map<string, number>();
  for (const item of items) {
    const [name, at, sum] = of(item);
    const key = `${name} ${Math.floor(at / 1_000)}`;
    sums.set(key, (sums.get(key) ?? 0) + sum);
  }
  return Object.fromEntries([...sums].sort());
}

describe.each(["count", "histogram", "distribution"] as const)("of a %s", (type) => {
  it("each second of each context has the sum and the number of its calls", () => {
    fc.assert(
      fc.property(calls, (given) => {
        const { stored, aggregator } = startAggregator();
        const metric = new Metric(type, "m", {});
        const contexts = [0, 1, 2].map((index) => metric.context({ index: `${index}` }));
        let now = START;
        const made = given.map(([index, value, later]) => {
          now += later;
          const context = contexts[index] ?? metric.context({});
          if (type === "count") void aggregator.addToSum(context, value, now);
          else void aggregator.addSample(context, value, 2, now);
          return { name: `${index}`, at: now, value };
        });
        aggregator.flush();
        const nameOf = (context: MetricContext) => `${contexts.indexOf(context)}`;
        const weight = type === "count" ? 1 : 2;
        const sums = bySecond(stored, ({ context, value, at }) => [nameOf(context), at, sumOf(value)]);
        expect(sums).toEqual(bySecond(made, ({ name, at, value }) => [name, at, value * weight]));
        if (type === "count") return;
        const counts = bySecond(stored, ({ context, value, at }) => [nameOf(context), at, countOf(value)]);
        expect(counts).toEqual(bySecond(made, ({ name, at }) => [name, at, weight]));
      }),
    );
  });
});

it("a gauge's record has the last value of its second and that call's time", () => {
  fc.assert(
    fc.property(calls, (given) => {
      const { stored, counters, aggregator } = startAggregator();
      const context = new Metric("gauge", "m", {}).context({});
      let now = START;
      const last = new Map<number, { value: number; at: number }>();
      for (const [, value, later] of given) {
        now += later;
        void aggregator.setGauge(context, value, now);
        last.set(Math.floor(now / 1_000), { value, at: now });
      }
      aggregator.flush();
      expect(stored.map(({ value, at }) => ({ value, at }))).toEqual([...last.values()]);
      expect(counters.aggregated).toBe(given.length - last.size);
    }),
  );
});

it("a set has the distinct elements of its second, in records of a limited size", () => {
  const { stored, aggregator } = startAggregator();
  const context = new Metric("set", "m", {}).context({});
  const elements = Array.from({ length: 2_500 }, (_, index) => index % 2_400);
  for (const element of elements) void aggregator.addToSet(context, [element, `${element}`], START);
  aggregator.flush();
  const lists = stored.map(({ value }) => JSON.parse(`${value}`));
  expect(Math.max(...lists.map(({ length }) => length))).toBeLessThan(1_002);
  expect(new Set(lists.flat())).toEqual(new Set(elements.flatMap((element) => [element, `${element}`])));
});

it("contexts beyond the limit become one per metric, and each of their calls is counted", () => {
  const { stored, counters, aggregator } = startAggregator(2);
  const metric = new Metric("count", "m", {});
  for (const index of [0, 1, 2, 3, 2, 0])
    void aggregator.addToSum(metric.context({ index: `${index}` }), 1, START);
  expect(aggregator.pending).toBe(3);
  expect(aggregator.isAtCardinalityLimit(START)).toBe(true);
  expect(aggregator.isAtCardinalityLimit(START + 1_000)).toBe(false);
  aggregator.flush();
  expect(stored.map(({ value }) => value)).toEqual([2, 1, 3]);
  expect(stored[2]?.context).toBe(metric.overflowContext);
  expect(counters).toEqual({ aggregated: 3, overflowed: 3 });
});

it("a sum that would be infinite becomes two records, of a count as of a sketch", async () => {
  const { stored, aggregator } = startAggregator();
  const count = new Metric("count", "m", {}).context({});
  const sketch = new Metric("distribution", "d", {}).context({});
  const answers = [
    aggregator.addToSum(count, 1.5e308, START),
    aggregator.addToSum(count, 1.5e308, START),
    aggregator.addSample(sketch, 1.5e308, 1, START),
    aggregator.addSample(sketch, 1.5e308, 1, START),
  ];
  aggregator.flush();
  expect(await Promise.all(answers)).toEqual([true, true, true, true]);
  expect(stored.map(({ value }) => sumOf(value))).toEqual([1.5e308, 1.5e308, 1.5e308, 1.5e308]);
});
