/**
 * How the values of a series are written in series v3: all of them in one way, the shortest that keeps each exactly, by the
 * Datadog Agent's rule.
 *
 * Of nothing (0), a whole number of at most 2^24, a whole number of 48 bits, a 32-bit float and a double, it is the last
 * that one of the values needs. A whole number over 2^24 may not be exact as a float: beside one, it needs a double.
 */
import type { Point } from "@chouette-iot/record";
import type { Column } from "./column.js";

export interface ValueType {
  /** In the bits of a series' type. */
  readonly number: number;
  /** The column that the values are in. */
  readonly column: "integers" | "floats" | "doubles";
  write(column: Column, value: number): void;
}

/** Nothing is written: the column stays as it is. */
const ZEROS: ValueType = { number: 0x00, column: "integers", write: () => {} };
const INTEGERS: ValueType = {
  number: 0x10,
  column: "integers",
  write: (column, value) => column.signed(value),
};
const FLOATS: ValueType = { number: 0x20, column: "floats", write: (column, value) => column.float(value) };
const DOUBLES: ValueType = {
  number: 0x30,
  column: "doubles",
  write: (column, value) => column.double(value),
};

const MAX_SMALL = 2 ** 24;
const INTEGER_LIMIT = 2 ** 48;

export function valueType(points: readonly Point[]): ValueType {
  let hasOthers = false;
  let hasLarge = false;
  let hasFloats = false;
  for (const [, value] of points) {
    if (Object.is(value, 0)) continue;
    hasOthers = true;
    // -0 is another number than 0, which only floats have.
    if (Number.isInteger(value) && value !== 0 && value >= -INTEGER_LIMIT && value < INTEGER_LIMIT)
      hasLarge ||= Math.abs(value) > MAX_SMALL;
    else if (Math.fround(value) === value) hasFloats = true;
    else return DOUBLES;
  }
  if (hasFloats) return hasLarge ? DOUBLES : FLOATS;
  return hasOthers ? INTEGERS : ZEROS;
}
