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
  sketchKeyValue,
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

describe("of samples", () => {
  it("a bin's middle is in that bin, of either sign, and zero has its own", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 32_767 }), (key) => {
        const value = sketchKeyValue(key);
        fc.pre(Number.isFinite(value));
        expect([sketchKey(value), sketchKey(-value)]).toEqual([key, -key]);
        expect(sketchKeyValue(-key)).toBe(-value);
      }),
    );
    expect([sketchKeyValue(0), sketchKey(9.94185408912145e-10)]).toEqual([0, 1]);
  });

  it("a weighted one counts for as many as it says", () => {
    const weighted = newSketch();
    for (const [value, count] of [
      [5, 3],
      [-2, 2],
      [0, 1],
    ] as const)
      expect(addToSketch(weighted, value, count)).toBe(true);
    expect(weighted).toEqual(sketchOf([5, 5, 5, -2, -2, 0]));
    expect(weighted).toMatchObject({ count: 6, sum: 11, min: -2, max: 5 });
  });

  it("the negative zero is zero", () => {
    const { min, max, bins } = sketchOf([-0]);
    expect([Object.is(min, 0), Object.is(max, 0), [...bins]]).toEqual([true, true, [[0, 1]]]);
  });

  it("there is a quantile between their minimum and maximum, and none without a sample", () => {
    expect(sketchQuantile(newSketch(), 0.5)).toBeNaN();
    for (const part of [0, 0.3, 1]) expect(sketchQuantile(sketchOf([7]), part)).toBe(7);
    const sketch = sketchOf([-10, -10, 0, 20]);
    expect([0, 0.5, 0.7, 1].map((part) => Math.round(sketchQuantile(sketch, part)))).toEqual([
      -10, -10, 0, 20,
    ]);
  });

  it("two sketches whose sum isn't finite stay as they are", () => {
    const [one, other] = [sketchOf([1e308, 5]), sketchOf([1e308])];
    expect(mergeSketches(one, other)).toBe(false);
    expect([one, other]).toEqual([sketchOf([1e308, 5]), sketchOf([1e308])]);
    expect(mergeSketches(one, sketchOf([-1e308]))).toBe(true);
    expect(one).toMatchObject({ count: 3, min: -1e308, max: 1e308 });
  });

  it("none is lost where bins are joined, and the highest keep theirs", () => {
    const sketch = newSketch();
    for (let key = 1; key <= MAX_BINS; key++) addToSketch(sketch, sketchKeyValue(key));
    expect(sketch.bins.size).toBe(MAX_BINS);
    for (let more = 1; more <= 3; more++) {
      addToSketch(sketch, sketchKeyValue(MAX_BINS + more));
      expect([sketch.bins.size, sketch.count]).toEqual([MAX_BINS, MAX_BINS + more]);
      expect([...sketch.bins.values()].reduce((sum, count) => sum + count)).toBe(sketch.count);
      expect([sketch.bins.get(more), sketch.bins.get(more + 1), sketch.bins.get(more + 2)]).toEqual([
        undefined,
        more + 1,
        1,
      ]);
    }
    expect(fromPlainSketch(toPlainSketch(sketch))).toEqual(sketch);
    const fromTheHighest = newSketch();
    for (let key = MAX_BINS + 3; key >= 1; key--) addToSketch(fromTheHighest, sketchKeyValue(key));
    expect(fromTheHighest.bins).toEqual(sketch.bins);
  });
});

describe("read from JSON", () => {
  const plain = toPlainSketch(sketchOf([1, 2, 2]));

  it("a sketch may name a key twice, and has the sum of both", () => {
    const twice = { ...plain, k: [5, 5, -3], n: [1, 1, 1] };
    expect([...(fromPlainSketch(twice)?.bins ?? [])]).toEqual([
      [5, 2],
      [-3, 1],
    ]);
  });

  it("the outermost keys are the last ones that there are", () => {
    expect(fromPlainSketch({ ...plain, k: [-32_767, 32_767], n: [1, 2] })?.count).toBe(3);
    for (const key of [32_768, -32_768, 0.5, "1", null])
      expect(fromPlainSketch({ ...plain, k: [0, key], n: [1, 2] })).toBeUndefined();
  });

  it.each([
    ...["count", "sum", "min", "max"].flatMap((name) => [
      { [name]: "1" },
      { [name]: Number.NaN },
      { [name]: undefined },
    ]),
    { min: 3, max: 2.9 },
    { k: undefined },
    { k: "12" },
    { n: undefined },
    { n: "12" },
    { n: [1, 2, 0] },
    { k: [1, 2, 3] },
    { n: [3, 0] },
    { n: [4, -1] },
    { n: [1.5, 1.5] },
    { n: ["1", 2] },
    { n: [1, 1] },
    { count: 0, k: [], n: [] },
    { count: 2 ** 53, n: [1, 2 ** 53] },
  ])("with %j it is none", (wrong) => {
    expect(fromPlainSketch(plain)).toEqual(sketchOf([1, 2, 2]));
    expect(fromPlainSketch({ ...plain, ...wrong })).toBeUndefined();
  });

  it("a sketch has no more bins than one that was made here, and one of equal values is one", () => {
    const ofBins = (bins: number) => ({
      ...plain,
      count: bins,
      k: Array.from({ length: bins }, (_, key) => key),
      n: Array.from({ length: bins }, () => 1),
    });
    expect(fromPlainSketch(ofBins(MAX_BINS))?.bins.size).toBe(MAX_BINS);
    expect(fromPlainSketch(ofBins(MAX_BINS + 1))).toBeUndefined();
    expect(fromPlainSketch(toPlainSketch(sketchOf([4, 4])))).toEqual(sketchOf([4, 4]));
    for (const other of [undefined, 5, "sketch", []]) expect(fromPlainSketch(other)).toBeUndefined();
  });
});
