/**
 * Values rounded to significant digits, for METRIC_PRECISION.
 *
 * The rounding is binary: it clears the last bits of a double, so that its last bytes are zero and compress
 * away, where 0.1 rounded in decimal keeps all eight of them in use. Six digits leave four bytes.
 */
import type { Series } from "./series.js";

const MANTISSA_BITS = 52;

/**
 * A function that rounds a number so that it is off by half a unit of its last significant digit at most:
 * with d digits by 10^-d / 2 of the number.
 *
 * @param digits from 1 to 15; a double has no more
 */
export function rounding(digits: number): (value: number) => number {
  const kept = Math.min(MANTISSA_BITS, Math.ceil(digits * Math.log2(10)));
  // Veltkamp's splitting: the sum is too large to hold the low bits, which are rounded away to the nearest.
  const factor = 2 ** (MANTISSA_BITS - kept) + 1;
  return (value) => {
    const large = value * factor;
    const rounded = large - (large - value);
    // The largest doubles have no room for the factor.
    return Number.isFinite(rounded) ? rounded : value;
  };
}

/** A count is a sum that has to come out exactly: only gauges and rates are rounded. */
export function roundSeries(series: Series, round: (value: number) => number): Series {
  if (series.type === "count") return series;
  return { ...series, points: series.points.map(([at, value]) => [at, round(value)]) };
}
