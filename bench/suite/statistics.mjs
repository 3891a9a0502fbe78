/** Statistics of a few samples. */

/** @param {readonly number[]} samples at least one */
export function median(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** @param {readonly number[]} samples at least one */
export function summary(samples) {
  return { median: median(samples), min: Math.min(...samples), max: Math.max(...samples) };
}

/**
 * How many times better the baseline is, by the medians: above 1 if the baseline is better.
 *
 * @param {readonly number[]} baseline
 * @param {readonly number[]} other
 * @param {"less" | "more"} better
 */
export function timesBetter(baseline, other, better) {
  return better === "less" ? median(other) / median(baseline) : median(baseline) / median(other);
}

/**
 * The nearest rank's sample: of 100 sorted samples the 99th for 0.99.
 *
 * @param {readonly number[]} samples at least one
 * @param {number} rank  above 0, to 1
 */
export function percentile(samples, rank) {
  const sorted = Float64Array.from(samples).sort();
  return sorted[Math.ceil(rank * sorted.length) - 1];
}
