/**
 * Decodes the elements of a set, equal where Python considers them equal.
 *
 * The original counts `len(set(elements))` of the parsed JSON: `1`, `1.0` and `true` are one element, `"1"` is another, and
 * integers are exact at any size. It drops a set that contains an array or object; here these are compared by their JSON.
 */
import { bad, type Undecodable } from "./decode.js";
import type { DistinctElement } from "./raw-metric.js";

/** Python's limit for integers; parsing time grows faster than their length. */
const MAX_DIGITS = 4_300;

/**
 * @param sources returns the `Source` of each element, for numbers that a double may not represent exactly
 * @returns the elements, or why one is invalid
 */
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

/** Whether the double is all that Python would see: no other integer parses to the same double. */
function isExact(value: number): boolean {
  return Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value));
}

function wholeNumber(source: string, value: number): bigint | undefined {
  if (source.length > MAX_DIGITS) return undefined;
  if (/^-?\d+$/.test(source)) return BigInt(source);
  // With a fraction or an exponent it is a float to Python, which equals the integer of its value.
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
