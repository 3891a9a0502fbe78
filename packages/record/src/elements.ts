/**
 * The elements of a set as Python tells them apart.
 *
 * The original counts `len(set(elements))` of what Python's json made of the text, in which `1`, `1.0` and `true` are one
 * element, `"1"` is another, and whole numbers are exact whatever their size. It drops a set with an array or object in it;
 * here these are distinguished by their JSON.
 */
import { bad, type Undecodable } from "./decode.js";
import type { DistinctElement } from "./raw-metric.js";

/** Python reads no longer ones, and to read them takes ever longer. */
const MAX_DIGITS = 4_300;

/** @param sources gives the `Source` of each element, for numbers that a double may not hold */
export function decodeElements(
  values: readonly unknown[],
  sources: () => unknown,
): { readonly elements: readonly DistinctElement[] } | Undecodable {
  const elements: DistinctElement[] = [];
  let texts: readonly unknown[] | undefined;
  for (const [index, value] of values.entries()) {
    if (typeof value === "number" && !isExact(value)) {
      texts ??= sources() as readonly unknown[];
      const exact = wholeNumber(String(texts[index]), value);
      if (exact === undefined) return bad(`value[${index}]`, "a number that is finite", value);
      elements.push(exact);
    } else elements.push(elementOf(value));
  }
  return { elements };
}

/** Whether no other JSON number stands for the same double, or Python makes the same double of both. */
function isExact(value: number): boolean {
  return Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value));
}

function wholeNumber(source: string, value: number): bigint | undefined {
  if (source.length > MAX_DIGITS) return undefined;
  if (/^-?\d+$/.test(source)) return BigInt(source);
  // A fraction or an exponent makes it a double to Python, which equals the whole number that it holds.
  return Number.isFinite(value) ? BigInt(value) : undefined;
}

function elementOf(value: unknown): DistinctElement {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
      return value === 0 ? 0 : value;
    case "boolean":
      return Number(value);
    default:
      return value === null ? null : JSON.stringify(value);
  }
}
