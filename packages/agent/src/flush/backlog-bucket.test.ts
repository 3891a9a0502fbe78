import type { StoredRecord } from "@chouette-iot/queue";
import { decodeReadyMetric, type ReadyMetric, type ReadyType, seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BacklogBucket } from "./backlog-bucket.js";

const START = 6_000;
const STEP = 60;

interface Sample {
  readonly metric: string;
  readonly type: ReadyType;
  readonly at: number;
  readonly value: number;
  readonly interval: number;
  readonly host: string | undefined;
}

function stored({ metric, type, at, value, interval, host }: Sample, index: number): StoredRecord {
  const record = {
    ...{ metric, type, tags: ["zone:a"], points: [[START + at, value]] },
    ...(type === "gauge" ? {} : { interval }),
    ...(host === undefined ? {} : { host }),
  };
  return { score: START + at, id: `${10_000 + index}`, value: JSON.stringify(record) };
}

function decoded({ value }: StoredRecord): ReadyMetric {
  const metric = decodeReadyMetric(value ?? "");
  if (!metric.ok) throw new Error(metric.reason);
  return metric.value;
}

/** What is left of the queue. @param stepAfter after how many records a step is taken */
function thinned(queue: readonly StoredRecord[], stepAfter = queue.length): readonly StoredRecord[] {
  const left = new Map(queue.map((record) => [record.id, record]));
  const bucket = new BacklogBucket(START, STEP);
  const settle = () => {
    const { removed, replaced } = bucket.takeStep();
    for (const { id } of removed) expect(left.delete(id)).toBe(true);
    for (const record of replaced) {
      expect(left.get(record.id)?.score).toBe(record.score);
      left.set(record.id, record);
    }
  };
  for (const [index, record] of queue.entries()) {
    bucket.add(record, true);
    if ((index + 1) % stepAfter === 0) settle();
  }
  settle();
  return [...left.values()];
}

/** By series, its points by second: of one second, the later counts, as at the intake. */
function bySeries(queue: readonly StoredRecord[]): ReadonlyMap<string, ReadonlyMap<number, ReadyMetric>> {
  const series = new Map<string, Map<number, ReadyMetric>>();
  for (const record of queue) {
    const metric = decoded(record);
    const key = `${metric.metric} ${metric.type} ${metric.host}`;
    series.set(key, (series.get(key) ?? new Map()).set(record.score, metric));
  }
  return series;
}

function amounts(points: ReadonlyMap<number, ReadyMetric> = new Map()): number {
  return [...points.values()].reduce((sum, { type, interval = 1, points: [[, value] = [0, 0]] }) => {
    return sum + (type === "rate" ? value * interval : value);
  }, 0);
}

function values(points: ReadonlyMap<number, ReadyMetric> = new Map()): readonly number[] {
  return [...points.values()].map(({ points: [[, value] = [0, 0]] }) => value);
}

const sample: fc.Arbitrary<Sample> = fc.record({
  metric: fc.constantFrom("a", "b", "b.max", "b.min"),
  type: fc.constantFrom("count", "gauge", "rate"),
  at: fc.nat(STEP - 1),
  value: fc.integer({ min: -1000, max: 1000 }),
  interval: fc.constantFrom(2, 10),
  host: fc.constantFrom(undefined, "other"),
});
const backlog = fc
  .uniqueArray(sample, {
    maxLength: 80,
    selector: ({ metric, type, at, host }) => `${metric} ${type} ${at} ${host}`,
  })
  .map((samples) => samples.sort((a, b) => a.at - b.at).map(stored));

describe("a bucket of the backlog", () => {
  it("keeps the sums of counts and rates, series by series, in one point each, however many steps it takes", () => {
    fc.assert(
      fc.property(backlog, fc.integer({ min: 1, max: 20 }), (queue, stepAfter) => {
        const before = bySeries(queue);
        const after = bySeries(thinned(queue, stepAfter));
        expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
        for (const [series, points] of after) {
          expect(points.size).toBe(1);
          if (series.includes(" count ")) expect(amounts(points)).toBe(amounts(before.get(series)));
          if (series.includes(" rate ")) expect(amounts(points)).toBeCloseTo(amounts(before.get(series)), 6);
        }
      }),
    );
  });

  it("keeps the last value of a gauge, the largest of what is named .max and the smallest of .min, at its second", () => {
    fc.assert(
      fc.property(backlog, fc.integer({ min: 1, max: 20 }), (queue, stepAfter) => {
        const after = new Set(thinned(queue, stepAfter));
        for (const [series, points] of bySeries(queue)) {
          if (!series.includes(" gauge ")) continue;
          const all = values(points);
          const wanted = series.startsWith("b.max ")
            ? Math.max(...all)
            : series.startsWith("b.min ")
              ? Math.min(...all)
              : all.at(-1);
          const kept = [...after].filter((record) => bySeries([record]).has(series));
          expect(kept.map((record) => decoded(record).points[0]?.[1])).toEqual([wanted]);
          // As it was, whole.
          for (const record of kept) expect(queue).toContain(record);
        }
      }),
    );
  });

  it("changes nothing if it was thinned before", () => {
    fc.assert(
      fc.property(backlog, (queue) => {
        const once = thinned(queue);
        expect(thinned(once)).toEqual(once);
      }),
    );
  });

  it("joins at the first of its seconds, under its id, as a point of the bucket's length", () => {
    const common = { metric: "a", host: undefined, interval: 10 };
    const queue = [
      stored({ ...common, type: "count", at: 10, value: 3 }, 0),
      stored({ ...common, type: "rate", at: 10, value: 0.3 }, 1),
      stored({ ...common, type: "count", at: 20, value: 4 }, 2),
      stored({ ...common, type: "rate", at: 50, value: 0.6 }, 3),
    ];
    expect(thinned(queue).map((record) => [record.id, decoded(record)])).toEqual([
      ["10000", { metric: "a", type: "count", tags: ["zone:a"], points: [[START + 10, 7]], interval: STEP }],
      [
        "10001",
        { metric: "a", type: "rate", tags: ["zone:a"], points: [[START + 10, 0.15]], interval: STEP },
      ],
    ]);
  });

  it("takes the later of two values of one second, as the intake does", () => {
    const common = { metric: "a", host: undefined, interval: 10, type: "count" } as const;
    const queue = [
      stored({ ...common, at: 10, value: 3 }, 0),
      stored({ ...common, at: 10, value: 5 }, 1),
      stored({ ...common, at: 20, value: 20 }, 2),
      stored({ ...common, at: 20, value: 30 }, 3),
    ];
    expect(thinned(queue).map((record) => decoded(record).points)).toEqual([[[START + 10, 35]]]);
  });

  it("writes nothing again that hasn't changed since the last step", () => {
    const bucket = new BacklogBucket(START, STEP);
    const common = { metric: "a", host: undefined, interval: 10, type: "count", value: 1 } as const;
    for (const at of [10, 20]) bucket.add(stored({ ...common, at }, at), true);
    expect(bucket.takeStep().replaced).toHaveLength(1);
    expect(bucket.takeStep()).toEqual({ removed: [], replaced: [] });
    bucket.add(stored({ ...common, at: 30 }, 30), true);
    expect(bucket.takeStep().replaced).toHaveLength(1);
  });

  it("leaves alone what isn't one point at its own place, and what can't be added up", () => {
    const point = { metric: "a", type: "count", tags: [], points: [[START, 1]], interval: 10 };
    const texts = [
      "no JSON",
      JSON.stringify({
        ...point,
        points: [
          [START, 1],
          [START + 1, 1],
        ],
      }),
      JSON.stringify({ ...point, points: [[START + 1, 1]] }),
      JSON.stringify({ ...point, points: [[START, 1e308]] }),
      JSON.stringify({ ...point, points: [[START, 1e308]] }),
      JSON.stringify({ ...point, type: "rate", interval: undefined }),
      JSON.stringify({ ...point, type: "rate", interval: undefined }),
      undefined,
    ];
    const queue = texts.map((value, index) => ({ score: START, id: `${index}`, value }));
    // Of the second 1e308, the place is that of the first: it takes it.
    const left = thinned([
      ...queue,
      {
        score: START + 5,
        id: "9",
        value: JSON.stringify({ ...point, points: [[seconds(START + 5), 1e308]] }),
      },
    ]);
    expect(left.map(({ id }) => id)).toEqual(["0", "1", "2", "3", "5", "6", "7", "9"]);
  });
});
