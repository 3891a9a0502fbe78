/**
 * How values are written in series v3: all values of a series in the same type, the shortest one that is exact for each, as in
 * the Datadog Agent.
 *
 * The types are nothing (0), a whole number up to 2^24, a whole number of 48 bits, a 32-bit float, and a double. The last one
 * that a value needs is used. A whole number over 2^24 may not be exact as a float: together with floats, it needs a double.
 */
import type { Point } from "@chouette-iot/record";
import type { Column } from "./column.js";

export interface ValueType {
  /** Its bits in a series' type. */
  readonly number: number;
  /** The column that the values are in. */
  readonly column: "integers" | "floats" | "doubles";
  write(column: Column, value: number): void;
}

/** Writes nothing. */
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
    // Only floats can represent -0.
    if (Number.isInteger(value) && value !== 0 && value >= -INTEGER_LIMIT && value < INTEGER_LIMIT)
      hasLarge ||= Math.abs(value) > MAX_SMALL;
    else if (Math.fround(value) === value) hasFloats = true;
    else return DOUBLES;
  }
  if (hasFloats) return hasLarge ? DOUBLES : FLOATS;
  return hasOthers ? INTEGERS : ZEROS;
}
