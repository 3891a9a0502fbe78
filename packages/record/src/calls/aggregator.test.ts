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

describe("a second", () => {
  it("is one of the clock: its first millisecond and its last are in one record, the next one isn't", () => {
    const { stored, aggregator } = startAggregator();
    const context = new Metric("count", "m", {}).context({});
    for (const at of [START, START + 999, START + 1_000, START + 1_999, START + 2_000])
      void aggregator.addToSum(context, 1, at);
    aggregator.flush();
    expect(stored.map(({ value, at }) => [value, at])).toEqual([
      [2, START + 999],
      [2, START + 1_999],
      [1, START + 2_000],
    ]);
  });

  it("ends when the clock is set back", () => {
    const { stored, aggregator } = startAggregator();
    const context = new Metric("gauge", "m", {}).context({});
    for (const at of [START + 5_500, START + 4_999]) void aggregator.setGauge(context, at, at);
    expect(stored.map(({ at }) => at)).toEqual([START + 5_500]);
    // It is that of the time that was set.
    void aggregator.setGauge(context, 1, START + 4_000);
    expect([stored.length, aggregator.pending]).toEqual([1, 1]);
  });

  it("admits contexts up to the limit, those that it has admitted again and again", () => {
    const { counters, aggregator } = startAggregator(2);
    const metric = new Metric("count", "m", {});
    const [a, b, c] = ["a", "b", "c"].map((name) => metric.context({ name }));
    if (a === undefined || b === undefined || c === undefined) throw new Error("no contexts");
    for (let second = 0; second < 3; second++) {
      const now = START + second * 1_000;
      expect(aggregator.isAtCardinalityLimit(now)).toBe(false);
      expect([aggregator.admit(a, now), aggregator.admit(a, now)]).toEqual([a, a]);
      expect(aggregator.isAtCardinalityLimit(now)).toBe(false);
      expect(aggregator.admit(b, now)).toBe(b);
      expect([now - 1, now, now + 999, now + 1_000].map((at) => aggregator.isAtCardinalityLimit(at))).toEqual(
        [false, true, true, false],
      );
      expect([aggregator.admit(c, now), aggregator.admit(c, now)]).toEqual([
        metric.overflowContext,
        metric.overflowContext,
      ]);
      expect(aggregator.admit(metric.overflowContext, now)).toBe(metric.overflowContext);
      expect([aggregator.admit(a, now), aggregator.admit(b, now)]).toEqual([a, b]);
      expect(counters.overflowed).toBe(3 * (second + 1));
    }
  });
});

describe("an answer", () => {
  const contexts = () => {
    const metrics = [
      new Metric("count", "a", {}),
      new Metric("set", "s", {}),
      new Metric("histogram", "h", {}),
    ];
    return metrics.map((metric) => metric.context({}));
  };

  it("is true if all records of the flush are stored, and that of each call of it", async () => {
    for (const missing of [0, 1, undefined]) {
      let stores = 0;
      const store = async () => stores++ !== missing;
      const aggregator = new Aggregator(10, { aggregated: 0, overflowed: 0 }, store);
      const [count, set] = contexts();
      if (count === undefined || set === undefined) throw new Error("no contexts");
      const answers = [
        aggregator.addToSum(count, 1, START),
        aggregator.addToSet(set, ["a"], START),
        aggregator.addToSum(count, 1, START),
      ];
      aggregator.flush();
      const later = aggregator.addToSum(count, 1, START);
      aggregator.flush();
      expect([stores, await Promise.all(answers), await later]).toEqual([
        3,
        answers.map(() => missing === undefined),
        true,
      ]);
    }
  });

  it("of a call that fills a record is that of this record", async () => {
    const { stored, counters, aggregator } = startAggregator();
    const [, set, histogram] = contexts();
    if (set === undefined || histogram === undefined) throw new Error("no contexts");
    const thousand = Array.from({ length: 1_000 }, (_, index) => index);
    void aggregator.addToSet(set, thousand.slice(1), START);
    expect(stored).toEqual([]);
    expect(await aggregator.addToSet(set, [0], START)).toBe(true);
    for (const value of thousand.slice(1)) void aggregator.addSample(histogram, value, 1, START);
    expect(stored.length).toBe(1);
    expect(await aggregator.addSample(histogram, 0, 1, START)).toBe(true);
    expect(stored.map(({ value }) => JSON.parse(`${value}`).length)).toEqual([1_000, 1_000]);
    expect([aggregator.pending, counters.aggregated]).toEqual([0, 1 + 999]);
    // The next record begins with nothing.
    void aggregator.addToSet(set, ["a"], START);
    void aggregator.addSample(histogram, 7, 2.5, START);
    aggregator.flush();
    expect(stored.slice(2).map(({ value }) => value)).toEqual(['["a"]', "[[7,2.5]]"]);
  });

  it("comes at the end of the second without a further call", async () => {
    const { stored, aggregator } = startAggregator();
    const [count] = contexts();
    if (count === undefined) throw new Error("no context");
    // A tenth of a second before its end.
    const begun = performance.now();
    expect(await aggregator.addToSum(count, 1, START + 900)).toBe(true);
    expect(performance.now() - begun).toBeGreaterThan(95);
    expect(await aggregator.addToSum(count, 2, START + 950)).toBe(true);
    expect(stored.map(({ value }) => value)).toEqual([1, 2]);
  });

  it("to nothing flushed is no record", () => {
    const { stored, aggregator } = startAggregator();
    aggregator.flush();
    expect([stored, aggregator.pending]).toEqual([[], 0]);
  });
});

describe("a distribution's weights", () => {
  const sketches = (samples: readonly (readonly [value: number, weight: number])[]) => {
    const { stored, counters, aggregator } = startAggregator();
    const context = new Metric("distribution", "d", {}).context({});
    for (const [value, weight] of samples) void aggregator.addSample(context, value, weight, START);
    aggregator.flush();
    const read = stored.map(({ value }) => fromPlainSketch(JSON.parse(`${value}`)));
    return { counters, sums: read.map((sketch) => [sketch?.count, sketch?.sum]) };
  };

  it("are whole, and at least one call", () => {
    expect(
      sketches([
        [2, 2.4],
        [2, 2.5],
        [2, 0.1],
        [2, 0],
      ]).sums,
    ).toEqual([[7, 14]]);
  });

  it("too large for a sum are left out, and a value that fits alone is a record of its own", () => {
    expect(
      sketches([
        [1e308, 1],
        [1e308, 5],
        [1, 1],
      ]).sums,
    ).toEqual([
      [1, 1e308],
      [2, 1e308],
    ]);
    expect(
      sketches([
        [1, 1],
        [1e308, 1e308],
        [2, 1],
      ]).sums,
    ).toEqual([
      [1, 1],
      [2, 1e308],
    ]);
  });
});
