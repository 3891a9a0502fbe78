/** What a histogram says of its samples. All take them sorted, and at least one. */
import type { HistogramAggregate } from "./wrapper.js";

export function summarize(sorted: Float64Array, aggregate: Exclude<HistogramAggregate, "count">): number {
  switch (aggregate) {
    case "max":
      return sorted[sorted.length - 1] ?? Number.NaN;
    case "min":
      return sorted[0] ?? Number.NaN;
    case "median":
      return percentile(sorted, 0.5);
    case "sum":
      return total(sorted);
    case "avg":
      return total(sorted) / sorted.length;
    default:
      return aggregate satisfies never;
  }
}

/** Linear interpolation between the ranks on both sides, as in the original. */
export function percentile(sorted: Float64Array, rank: number): number {
  const place = rank * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below] ?? Number.NaN;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? Number.NaN;
  return low + (high - low) * (place - below);
}

/** 0.95 is `95percentile`, 0.999 is `99.9percentile`. */
export function percentileName(rank: number): string {
  return `${Number((rank * 100).toFixed(6))}percentile`;
}

function total(sorted: Float64Array): number {
  let sum = 0;
  for (const sample of sorted) sum += sample;
  return sum;
}
