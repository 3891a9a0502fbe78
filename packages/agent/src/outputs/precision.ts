/**
 * Rounds values to significant digits, for METRIC_PRECISION: in the base in which they are written.
 *
 * Binary rounding clears the last bits of a double, so its last bytes are zero and compress well; six digits leave four
 * bytes. (0.1 rounded in decimal still uses all eight.) Written as text, such a double would have more digits than before.
 *
 * Promises: the error is at most half a unit of the last significant digit: with d digits, 10^-d / 2 of the number.
 */
import type { ReadyType } from "@chouette-iot/record";
import type { Series } from "./series.js";

const MANTISSA_BITS = 52;

export type Rounding = (value: number) => number;

/** For values written as doubles. @param digits from 1 to 15; a double has no more */
export function binaryRounding(digits: number): Rounding {
  const kept = Math.min(MANTISSA_BITS, Math.ceil(digits * Math.log2(10)));
  // Veltkamp's splitting: the sum can't hold the low bits, which are rounded to the nearest.
  const factor = 2 ** (MANTISSA_BITS - kept) + 1;
  return (value) => {
    const large = value * factor;
    const rounded = large - (large - value);
    // The product with the largest doubles overflows.
    return Number.isFinite(rounded) ? rounded : value;
  };
}

/** For values written as text. @param digits from 1 to 15 */
export function decimalRounding(digits: number): Rounding {
  return (value) => {
    // One digit more: for a number that begins with 1, half a unit of the d-th digit is a relative error ten times as large.
    const rounded = Number(value.toPrecision(digits + 1));
    // The text loses the sign of -0, and the largest doubles may overflow.
    return rounded !== 0 && Number.isFinite(rounded) ? rounded : value;
  };
}

/** Sums of counts must be exact: only gauges and rates are rounded. */
const IS_ROUNDED: Readonly<Record<ReadyType, boolean>> = { count: false, gauge: true, rate: true };

export function roundSeries(series: Series, round: Rounding): Series {
  if (!IS_ROUNDED[series.type]) return series;
  return { ...series, points: series.points.map(([at, value]) => [at, round(value)]) };
}
