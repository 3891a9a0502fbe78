/** The boundary around decoding: a value or a reason, never an exception. */
import { messageOf } from "./errors.js";
import { parseJson } from "./json.js";
import type { Result } from "./result.js";

export type Undecodable = Extract<Result<never>, { ok: false }>;

/**
 * Parses a record and reads its fields. Whatever the text holds and whatever is thrown, the result is a record or a reason.
 *
 * @param read gets the parsed object, and the text
 */
export function decode<T>(
  text: string,
  read: (fields: Readonly<Record<string, unknown>>, text: string) => Result<T>,
): Result<T> {
  let parsed: unknown;
  try {
    parsed = parseJson(text);
  } catch (error) {
    const isNoJson = error instanceof SyntaxError;
    return { ok: false, reason: `${isNoJson ? "not JSON" : "can't be decoded"}: ${messageOf(error)}` };
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    return { ok: false, reason: `the record should be a JSON object, but is ${formatValue(parsed)}` };
  try {
    return read(parsed as Readonly<Record<string, unknown>>, text);
  } catch (error) {
    return { ok: false, reason: `can't be decoded: ${messageOf(error)}` };
  }
}

/** The failure of a field that has another value than expected. */
export function bad(field: string, expected: string, found: unknown): Undecodable {
  return { ok: false, reason: `${field} should be ${expected}, but is ${formatValue(found)}` };
}

function formatValue(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return "an object";
  const text = typeof value === "string" ? JSON.stringify(value.slice(0, 100)) : String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
