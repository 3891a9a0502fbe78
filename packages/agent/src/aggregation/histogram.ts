/** Histogram: every sample of the window, for maximum, median, percentiles and what else is asked of them. */

export interface Histogram {
  readonly samples: number[];
}

export function newHistogram(): Histogram {
  return { samples: [] };
}

export function addToHistogram(histogram: Histogram, value: number): void {
  histogram.samples.push(value);
}

export function mergeHistograms(into: Histogram, other: Histogram): void {
  for (const sample of other.samples) into.samples.push(sample);
}
