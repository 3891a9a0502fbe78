/** Histogram: every sample of the window, for maximum, median, percentiles and what else is asked of them. */

export interface Histogram {
  readonly samples: number[];
}

export function newHistogram(): Histogram {
  return { samples: [] };
}

export function addToHistogram(histogram: Histogram, value: number): boolean {
  histogram.samples.push(value);
  return true;
}

export function mergeHistograms(into: Histogram, other: Histogram): boolean {
  for (const sample of other.samples) into.samples.push(sample);
  return true;
}
