/**
 * Values rounded to significant digits, for METRIC_PRECISION: in the base in which they are written.
 *
 * In binary, the last bits of a double are cleared, so that its last bytes are zero and compress away, where 0.1
 * rounded in decimal keeps all eight of them in use. Six digits leave four bytes. In decimal, that double would have
 * more digits than before.
 *
 * Promises: either is off by half a unit of the last significant digit at most: with d digits by 10^-d / 2 of the number.
 */
import type { ReadyType } from "@chouette-iot/record";
import type { Series } from "./series.js";

const MANTISSA_BITS = 52;

export type Rounding = (value: number) => number;

/** For values written as doubles. @param digits from 1 to 15; a double has no more */
export function binaryRounding(digits: number): Rounding {
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

/** For values written as text. @param digits from 1 to 15 */
export function decimalRounding(digits: number): Rounding {
  return (value) => {
    // One digit more: of a number that begins with 1, half a unit of the d-th is ten times as large a part.
    const rounded = Number(value.toPrecision(digits + 1));
    // -0 has lost its sign in the text, and the largest doubles may have been rounded up beyond them.
    return rounded !== 0 && Number.isFinite(rounded) ? rounded : value;
  };
}

/** A count is a sum that has to come out exactly: only gauges and rates are rounded. */
const IS_ROUNDED: Readonly<Record<ReadyType, boolean>> = { count: false, gauge: true, rate: true };

export function roundSeries(series: Series, round: Rounding): Series {
  if (!IS_ROUNDED[series.type]) return series;
  return { ...series, points: series.points.map(([at, value]) => [at, round(value)]) };
}
