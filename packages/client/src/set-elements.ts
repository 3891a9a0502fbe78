/**
 * Converts the elements of a set as the original Python client does: strings, numbers and booleans unchanged, anything else
 * by Python's `repr`, so that a Node and a Python program that add the same element count it once.
 */
import { isDate, isMap, isSet } from "node:util/types";
import type { SetElement } from "@chouette-iot/record";

const MAX_DEPTH = 20;

/** Any values; those that aren't strings, numbers or booleans are compared by their text. */
export type SetInput = ReadonlySet<unknown> | readonly unknown[] | SetElement;

/** The elements as stored; undefined if one is NaN or infinite. Throws if the input isn't iterable. */
export function readElements(input: SetInput): readonly SetElement[] | undefined {
  const single = typeof input === "string" || typeof input === "number" || typeof input === "boolean";
  const elements: SetElement[] = [];
  for (const element of single ? [input] : input) {
    if (typeof element === "number" && !Number.isFinite(element)) return undefined;
    elements.push(plainElement(element));
  }
  return elements;
}

export function plainElement(element: unknown): SetElement {
  const plain = typeof element === "string" || typeof element === "number" || typeof element === "boolean";
  return plain ? element : repr(element, []);
}

/** @param around the objects that contain the value, to detect cycles */
function repr(value: unknown, around: readonly object[]): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "string") return reprText(value);
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return reprNumber(value);
  if (typeof value !== "object") return String(value);
  if (isDate(value)) return Number.isNaN(value.getTime()) ? "None" : value.toISOString();
  if (around.includes(value) || around.length >= MAX_DEPTH) return Array.isArray(value) ? "[...]" : "{...}";
  const inside = [...around, value];
  if (Array.isArray(value)) return `[${value.map((item) => repr(item, inside)).join(", ")}]`;
  if (isSet(value))
    return value.size === 0 ? "set()" : `{${[...value].map((item) => repr(item, inside)).join(", ")}}`;
  const entries = isMap(value) ? [...value] : Object.entries(value);
  return `{${entries.map(([key, item]) => `${repr(key, inside)}: ${repr(item, inside)}`).join(", ")}}`;
}

function reprNumber(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return `${value}`;
}

/** Quoted like Python: with single quotes, unless the text contains only those. */
function reprText(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text
    .replaceAll("\\", "\\\\")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t")
    .replaceAll(quote, `\\${quote}`);
  return `${quote}${escaped}${quote}`;
}
