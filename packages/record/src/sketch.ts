/**
 * Sketches: the samples of a distribution as counts of bins, with the mapping of Datadog's Agent.
 *
 * A bin holds values within 1/128 of each other, so a quantile is within 1/128 of the exact one. Sketches with the same
 * mapping are merged by adding their bins. Datadog accepts only this mapping, which differs from @datadog/sketches-js.
 *
 * Promises: merging in any order and grouping gives the bins, count, minimum and maximum of one pass; sums may differ in
 * the last bits. A sketch has at most {@link MAX_BINS} bins; beyond that, the lowest bins are joined.
 *
 * (Source: datadog-agent, pkg/util/quantile. gamma is 1 + 2/128; the bias gives the smallest value the key 1.)
 */

export interface Sketch {
  /** Number of samples; an integer. */
  count: number;
  sum: number;
  /** Infinity without a sample. */
  min: number;
  /** -Infinity without a sample. */
  max: number;
  /** Number of samples by key; integers. */
  readonly bins: Map<number, number>;
}

export const MAX_BINS = 4096;
const LN_GAMMA = 0.015504186535965254;
const GAMMA = 1.015625;
const BIAS = 1338;
const SMALLEST = 9.94185408912145e-10;
/** The Agent's keys have 16 bits; larger values go to the last one. */
const MAX_KEY = 32_767;

export function newSketch(): Sketch {
  return {
    count: 0,
    sum: 0,
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
    bins: new Map(),
  };
}

/** The key of a value's bin. */
export function sketchKey(value: number): number {
  if (value < 0) return -sketchKey(-value) + 0;
  if (value < SMALLEST) return 0;
  return Math.min(MAX_KEY, roundToEven(Math.log(value) / LN_GAMMA) + BIAS);
}

/** The value in the middle of a bin. */
export function sketchKeyValue(key: number): number {
  if (key < 0) return -sketchKeyValue(-key);
  return key === 0 ? 0 : GAMMA ** (key - BIAS);
}

/**
 * Adds a sample. Returns false, with nothing changed, if the sum would not be finite.
 * @param count number of calls that it represents; an integer
 */
export function addToSketch(sketch: Sketch, given: number, count = 1): boolean {
  // -0 is 0, as it is once JSON has carried it.
  const value = given + 0;
  const sum = sketch.sum + value * count;
  if (!Number.isFinite(sum)) return false;
  sketch.sum = sum;
  sketch.count += count;
  if (value < sketch.min) sketch.min = value;
  if (value > sketch.max) sketch.max = value;
  addToBin(sketch.bins, sketchKey(value), count);
  if (sketch.bins.size > MAX_BINS) joinLowest(sketch.bins);
  return true;
}

/** Adds another sketch. Returns false, with nothing changed, if the sum would not be finite. */
export function mergeSketches(into: Sketch, other: Readonly<Sketch>): boolean {
  const sum = into.sum + other.sum;
  if (!Number.isFinite(sum)) return false;
  into.sum = sum;
  into.count += other.count;
  into.min = Math.min(into.min, other.min);
  into.max = Math.max(into.max, other.max);
  for (const [key, count] of other.bins) addToBin(into.bins, key, count);
  if (into.bins.size > MAX_BINS) joinLowest(into.bins);
  return true;
}

/**
 * The quantile of the samples; NaN without samples.
 * @param part from 0 to 1
 */
export function sketchQuantile(sketch: Readonly<Sketch>, part: number): number {
  if (sketch.count === 0) return Number.NaN;
  const rank = part * (sketch.count - 1);
  let seen = 0;
  for (const [key, count] of sortedBins(sketch)) {
    seen += count;
    if (seen > rank) return Math.min(sketch.max, Math.max(sketch.min, sketchKeyValue(key)));
  }
  return sketch.max;
}

/** The bins in ascending order of their keys. */
export function sortedBins({ bins }: Readonly<Sketch>): readonly (readonly [key: number, count: number])[] {
  return [...bins].sort(([one], [other]) => one - other);
}

/** A sketch as JSON. */
export interface PlainSketch {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  /** The keys in ascending order, and in `n` the number of samples of each. */
  readonly k: readonly number[];
  readonly n: readonly number[];
}

export function toPlainSketch(sketch: Readonly<Sketch>): PlainSketch {
  const { count, sum, min, max } = sketch;
  const bins = sortedBins(sketch);
  return { count, sum, min, max, k: bins.map(([key]) => key), n: bins.map(([, number]) => number) };
}

/** Undefined if it isn't a sketch with at least one sample, or its counts don't add up. Never throws. */
export function fromPlainSketch(value: unknown): Sketch | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { count, sum, min, max, k, n } = value as Readonly<Record<string, unknown>>;
  if (![count, sum, min, max].every(Number.isFinite) || Number(min) > Number(max)) return undefined;
  if (!Array.isArray(k) || !Array.isArray(n) || k.length !== n.length || k.length > MAX_BINS)
    return undefined;
  const bins = new Map<number, number>();
  let total = 0;
  for (const [index, key] of k.entries()) {
    const number: unknown = n[index];
    if (!Number.isInteger(key) || Math.abs(key) > MAX_KEY) return undefined;
    if (typeof number !== "number" || !Number.isSafeInteger(number) || number < 1) return undefined;
    addToBin(bins, key, number);
    total += number;
  }
  if (total !== count || total === 0) return undefined;
  return { count: total, sum: Number(sum), min: Number(min), max: Number(max), bins };
}

function addToBin(bins: Map<number, number>, key: number, count: number): void {
  bins.set(key, (bins.get(key) ?? 0) + count);
}

function joinLowest(bins: Map<number, number>): void {
  const keys = [...bins.keys()].sort((one, other) => one - other);
  const lowest = keys[keys.length - MAX_BINS] ?? 0;
  for (const key of keys) {
    if (key >= lowest) return;
    addToBin(bins, lowest, bins.get(key) ?? 0);
    bins.delete(key);
  }
}

/** Rounds to the nearest integer, halves to the even one. */
function roundToEven(value: number): number {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
