/** Statistics of a histogram's samples. A sample stands for as many calls as its weight. */
import type { Histogram } from "../aggregation/histogram.js";
import type { HistogramAggregate } from "./wrapper.js";

/** Sorted by value; at least one. */
export interface SortedSamples {
  readonly values: Float64Array;
  /** For each value the cumulative weight up to it; undefined if every weight is 1. */
  readonly ends: Float64Array | undefined;
  /** The sum of the weights. */
  readonly count: number;
}

export function sortSamples({ samples, weighted }: Histogram): SortedSamples {
  if (weighted.length === 0) {
    const values = new Float64Array(samples).sort();
    return { values, ends: undefined, count: values.length };
  }
  const pairs: (readonly [value: number, weight: number])[] = samples.map((sample) => [sample, 1]);
  for (let at = 0; at < weighted.length; at += 2) pairs.push([weighted[at] ?? 0, weighted[at + 1] ?? 0]);
  pairs.sort(([one], [other]) => one - other);
  let count = 0;
  const ends = Float64Array.from(pairs, ([, weight]) => {
    count += weight;
    return count;
  });
  return { values: Float64Array.from(pairs, ([value]) => value), ends, count };
}

export function summarize(sorted: SortedSamples, aggregate: Exclude<HistogramAggregate, "count">): number {
  const { values, count } = sorted;
  switch (aggregate) {
    case "max":
      return values[values.length - 1] ?? Number.NaN;
    case "min":
      return values[0] ?? Number.NaN;
    case "median":
      return percentile(sorted, 0.5);
    case "sum":
      return total(sorted);
    case "avg":
      return total(sorted) / count;
    default:
      return aggregate satisfies never;
  }
}

/** With linear interpolation between ranks, as in the Python agent. @param rank from 0 to 1 */
export function percentile(sorted: SortedSamples, rank: number): number {
  const place = Math.max(0, rank * (sorted.count - 1));
  const below = Math.floor(place);
  const low = atRank(sorted, below);
  return low + (atRank(sorted, below + 1) - low) * (place - below);
}

/** 0.95 is `95percentile`, 0.999 is `99.9percentile`. */
export function percentileName(rank: number): string {
  return `${Number((rank * 100).toFixed(6))}percentile`;
}

/** The value at this index if each is repeated as often as its weight; the last value for a higher index. */
function atRank({ values, ends }: SortedSamples, rank: number): number {
  let index = Math.min(rank, values.length - 1);
  if (ends !== undefined) {
    let [low, high] = [0, values.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ends[middle] ?? 0) > rank) high = middle;
      else low = middle + 1;
    }
    index = low;
  }
  return values[index] ?? Number.NaN;
}

export function total({ values, ends }: SortedSamples): number {
  let sum = 0;
  if (ends === undefined) {
    for (const value of values) sum += value;
    return sum;
  }
  let before = 0;
  for (let index = 0; index < values.length; index++) {
    const end = ends[index] ?? before;
    sum += (values[index] ?? 0) * (end - before);
    before = end;
  }
  return sum;
}
