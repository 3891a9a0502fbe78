/**
 * Histogram: every sample of the window, for its maximum, median, percentiles and other aggregates.
 *
 * A sample that stands for several calls has a weight; those of one call, most of them, are kept without one. Adding
 * returns false, and changes nothing, if the sum of the weights wouldn't be finite.
 */
import type { WeightedSample } from "@chouette-iot/record";

export interface Histogram {
  /** Those of weight 1. */
  readonly samples: number[];
  /** Values and weights, alternating. */
  readonly weighted: number[];
}

export function newHistogram(): Histogram {
  return { samples: [], weighted: [] };
}

export function addToHistogram(histogram: Histogram, value: number): boolean {
  histogram.samples.push(value);
  return true;
}

export function addWeighted(histogram: Histogram, samples: readonly WeightedSample[]): boolean {
  let total = 0;
  for (const [, weight] of samples) total += weight;
  if (!Number.isFinite(total)) return false;
  for (const [value, weight] of samples) {
    if (weight === 1) histogram.samples.push(value);
    else histogram.weighted.push(value, weight);
  }
  return true;
}

export function mergeHistograms(into: Histogram, other: Histogram): boolean {
  for (const sample of other.samples) into.samples.push(sample);
  for (const number of other.weighted) into.weighted.push(number);
  return true;
}
