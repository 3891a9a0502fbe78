/**
 * Histogram: every sample of the window, for maximum, median, percentiles and what else is asked of them.
 *
 * A sample that stands for several calls has its weight; those of one call are kept apart, since most are such. Adding
 * answers false, and changes nothing, if the sum of the weights wouldn't be finite.
 */
import type { WeightedSample } from "@chouette-iot/record";

export interface Histogram {
  /** Of one call each. */
  readonly samples: number[];
  /** Value and weight in turn. */
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
