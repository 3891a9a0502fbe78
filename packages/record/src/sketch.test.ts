import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addToSketch,
  fromPlainSketch,
  MAX_BINS,
  mergeSketches,
  newSketch,
  type Sketch,
  sketchKey,
  sketchQuantile,
  toPlainSketch,
} from "./sketch.js";

function sketchOf(values: readonly number[]): Sketch {
  const sketch = newSketch();
  for (const value of values) addToSketch(sketch, value);
  return sketch;
}

/** Numbers from 0 to 1 that are the same in each run. */
function uniform(count: number): readonly number[] {
  let state = 42;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  });
}

const DISTRIBUTIONS: Readonly<Record<string, (u: number) => number>> = {
  uniform: (u) => 1 + 999 * u,
  exponential: (u) => -Math.log(u) / 0.01,
  "log-normal": (u) => Math.exp(3 * Math.sqrt(2) * Math.cos(7 * u) * u),
  pareto: (u) => u ** (-1 / 1.5),
  negative: (u) => -50 - 100 * u * u,
};

describe("a sketch", () => {
  it("has the keys of the Agent's own tests", () => {
    const golden = { 1: 1338, 0.5: 1293, 2.71: 1402, 3.14159: 1412 };
    for (const [value, key] of Object.entries(golden)) {
      expect(sketchKey(Number(value))).toBe(key);
      expect(sketchKey(-Number(value))).toBe(-key);
    }
    expect([0, -0, 9e-10, -9e-10].map(sketchKey)).toEqual([0, 0, 0, 0]);
    expect(sketchKey(9.95e-10)).toBe(1);
    expect(sketchKey(Number.MAX_VALUE)).toBe(32_767);
  });

  it.each(
    Object.entries(DISTRIBUTIONS),
  )("has quantiles within 1/128 of the exact ones: %s", (_, quantile) => {
    const values = uniform(10_000).map(quantile);
    const sketch = sketchOf(values);
    const sorted = Float64Array.from(values).sort();
    for (const part of [0, 0.01, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999, 1]) {
      const exact = sorted[Math.floor(part * (sorted.length - 1))] ?? Number.NaN;
      expect(Math.abs(sketchQuantile(sketch, part) - exact)).toBeLessThanOrEqual(Math.abs(exact) / 128);
    }
  });

  const value = fc.oneof(
    fc.constantFrom(0, -0),
    fc.double({ noNaN: true, min: -1e12, max: 1e12 }),
    // More bins than there may be.
    fc
      .integer({ min: -20_000, max: 20_000 })
      .map((key) => Math.sign(key) * 1.015625 ** (Math.abs(key) - 1338)),
  );

  it("is the same merged from parts, in any grouping and through JSON, as in one pass", () => {
    const parts = fc.array(fc.array(value, { maxLength: 50 }), { maxLength: 6 });
    fc.assert(
      fc.property(parts, (lists) => {
        const merged = newSketch();
        for (const list of lists) {
          const part = sketchOf(list);
          const read =
            list.length === 0 ? part : fromPlainSketch(JSON.parse(JSON.stringify(toPlainSketch(part))));
          expect(read).toEqual(part);
          mergeSketches(merged, part);
        }
        const { sum, ...whole } = sketchOf(lists.flat());
        const { sum: mergedSum, ...others } = merged;
        expect(others).toEqual(whole);
        expect(Math.abs(mergedSum - sum)).toBeLessThanOrEqual(
          1e-9 * Math.max(1, ...lists.flat().map(Math.abs)),
        );
      }),
    );
  });

  it("joins its lowest bins beyond the limit, as a merged one does", () => {
    const values = Array.from({ length: MAX_BINS + 500 }, (_, key) => 1.015625 ** (key - 1337));
    const whole = sketchOf(values);
    expect(whole.bins.size).toBe(MAX_BINS);
    expect(whole.count).toBe(values.length);
    const merged = sketchOf(values.slice(0, 300));
    mergeSketches(merged, sketchOf(values.slice(300)));
    expect(merged.bins).toEqual(whole.bins);
  });

  it("refuses what isn't finite, and what isn't a sketch", () => {
    const sketch = sketchOf([1e308]);
    expect(addToSketch(sketch, 1e308)).toBe(false);
    expect(sketch).toEqual(sketchOf([1e308]));
    const plain = toPlainSketch(sketchOf([1, 2]));
    expect(fromPlainSketch(plain)).toEqual(sketchOf([1, 2]));
    const largest = sketchOf([-1e308, 1e308]);
    expect(toPlainSketch(largest).k).toEqual([-32_767, 32_767]);
    expect(fromPlainSketch(toPlainSketch(largest))).toEqual(largest);
    const wrong = [
      { ...plain, count: 3 },
      { ...plain, n: [1] },
      { ...plain, k: [1.5, 2] },
      { ...plain, k: [1, 32_768] },
      { ...plain, min: 5 },
      [],
      null,
    ];
    expect(wrong.map(fromPlainSketch)).toEqual(wrong.map(() => undefined));
  });
});
