import fc from "fast-check";
import { expect, it } from "vitest";
import type { ReadyMetric } from "./ready-metric.js";
import { encodeReadyMetric } from "./ready-metric-codec.js";
import { seconds } from "./time.js";

const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.constantFrom('"', "\\", "\n", "\ud800"),
);
const point = fc.tuple(
  fc.oneof(fc.nat(), fc.double({ min: 0, max: 8.64e12, noNaN: true })).map(seconds),
  fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(-0)),
);
const metric: fc.Arbitrary<ReadyMetric> = fc.record(
  {
    metric: fc.oneof(fc.constantFrom("app.requests", "a_b.95percentile"), anyText),
    type: fc.constantFrom("count", "gauge", "rate"),
    tags: fc.array(anyText, { maxLength: 3 }),
    points: fc.array(point, { minLength: 1, maxLength: 3 }),
    host: anyText,
    interval: fc.integer({ min: 1, max: 3_600 }).map(seconds),
  },
  { requiredKeys: ["metric", "type", "tags", "points"] },
);

it("a ready metric's text is what JSON.stringify makes of its fields, whatever they hold", () => {
  fc.assert(
    fc.property(metric, (record) => {
      expect(encodeReadyMetric(record)).toBe(JSON.stringify(record));
      expect(encodeReadyMetric(record, JSON.stringify(record.tags))).toBe(JSON.stringify(record));
    }),
    { numRuns: 1_000 },
  );
});

it("a ready metric with a number that JSON can't carry has no text", () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    const points = [
      [seconds(1), 1],
      [seconds(2), value],
    ] as const;
    expect(encodeReadyMetric({ metric: "m", type: "gauge", tags: [], points })).toBeUndefined();
  }
});
