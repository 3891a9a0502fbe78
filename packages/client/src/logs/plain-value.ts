/**
 * Converts any value that an application logs to plain JSON values, within a budget of characters.
 *
 * Promises: no cycle, getter, proxy, BigInt or size makes it throw or hang, and it changes none of its arguments.
 */
import { isDate, isMap, isSet } from "node:util/types";
import { messageOf } from "@chouette-iot/record";
import { isError } from "../any-error.js";

const MAX_DEPTH = 10;
const CUT = "[cut]";

/** The remaining budget. */
export interface Budget {
  /** Characters. */
  left: number;
  /** True once something was truncated. */
  cut: boolean;
}

/** The text within the budget, marked if it was truncated. */
export function plainText(text: string, budget: Budget): string {
  const kept = Math.max(0, budget.left);
  budget.left -= Math.min(text.length, kept);
  if (text.length <= kept) return text;
  budget.cut = true;
  return `${text.slice(0, kept)}… [cut: ${text.length} characters]`;
}

/** The value as plain JSON values. @param around the objects that contain it */
export function plainValue(value: unknown, budget: Budget, around: readonly object[] = []): unknown {
  if (budget.left <= 0) {
    budget.cut = true;
    return CUT;
  }
  if (typeof value === "string") return plainText(value, budget);
  if (typeof value !== "object" || value === null) return plainScalar(value, budget);
  if (around.includes(value)) return "[Circular]";
  if (around.length >= MAX_DEPTH) return "[Deep]";
  try {
    return plainObject(value, budget, [...around, value]);
  } catch (error) {
    return `[Throws: ${messageOf(error)}]`;
  }
}

function plainScalar(value: unknown, budget: Budget): unknown {
  budget.left -= 8;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "function") return `[Function ${value.name}]`;
  if (typeof value === "boolean" || value === null || value === undefined) return value;
  return String(value);
}

function plainObject(value: object, budget: Budget, around: readonly object[]): unknown {
  const inside = (item: unknown) => plainValue(item, budget, around);
  if (ArrayBuffer.isView(value)) return plainBytes(value, budget);
  if (isDate(value)) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (isError(value)) return plainFields(errorFields(value), budget, inside);
  if (isSet(value)) return plainList(value, budget, inside);
  if (Array.isArray(value)) return plainList(value, budget, inside);
  if (isMap(value))
    return plainFields(
      [...value].map(([key, item]) => [String(key), () => item]),
      budget,
      inside,
    );
  if ("toJSON" in value && typeof value.toJSON === "function") return inside(value.toJSON());
  return plainFields(
    Object.keys(value).map((key) => [key, () => (value as Record<string, unknown>)[key]]),
    budget,
    inside,
  );
}

function plainBytes(value: ArrayBufferView, budget: Budget): string {
  const maxBytes = Math.max(0, Math.floor((budget.left * 3) / 4));
  const bytes = Buffer.from(value.buffer, value.byteOffset, Math.min(value.byteLength, maxBytes));
  if (value.byteLength > maxBytes) budget.cut = true;
  const text = bytes.toString("base64");
  budget.left -= text.length;
  return `base64:${text}${value.byteLength > maxBytes ? `… [cut: ${value.byteLength} bytes]` : ""}`;
}

function plainList(list: Iterable<unknown>, budget: Budget, inside: (item: unknown) => unknown): unknown[] {
  const plain: unknown[] = [];
  for (const item of list) {
    plain.push(inside(item) ?? null);
    if (plain.at(-1) === CUT) break;
    budget.left -= 1;
  }
  return plain;
}

type Field = readonly [name: string, read: () => unknown];

function plainFields(fields: readonly Field[], budget: Budget, inside: (item: unknown) => unknown): object {
  const plain: Record<string, unknown> = {};
  for (const [name, read] of fields) {
    if (budget.left <= 0) {
      budget.cut = true;
      break;
    }
    budget.left -= name.length;
    const item = inside(readField(read));
    if (item !== undefined && name !== "__proto__") plain[name] = item;
  }
  return plain;
}

function readField(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    return `[Throws: ${messageOf(error)}]`;
  }
}

function errorFields(error: Error): readonly Field[] {
  const own = Object.keys(error).filter((name) => !["name", "message", "stack", "cause"].includes(name));
  const shown = error.cause === undefined ? ["name", "message"] : ["name", "message", "cause"];
  return [...shown, ...own].map((name) => [name, () => (error as unknown as Record<string, unknown>)[name]]);
}
