/**
 * Encodes raw metrics as JSON, and decodes them.
 *
 * Promises: the original Python agent can read the JSON, which has no NaN or infinity. Decoding accepts any text and
 * returns a record or the reason why the text isn't one; it never throws. Records that the original agent accepts mean the
 * same here: docs/decisions/0014-one-identity.md.
 */
import { bad, decode, type Undecodable } from "./decode.js";
import { decodeElements } from "./elements.js";
import { type Fields, parseSources } from "./json.js";
import {
  NUMBER_TYPES,
  type NumberType,
  type RawMetric,
  type ReceivedMetric,
  type ReceivedValue,
  SAMPLES_TYPE,
  type SetElement,
  SKETCH_TYPE,
  type WeightedSample,
} from "./raw-metric.js";
import type { Result } from "./result.js";
import { fromPlainSketch } from "./sketch.js";
import { decodeTime } from "./time.js";

const numberTypes: ReadonlySet<unknown> = new Set(NUMBER_TYPES);

/** The JSON of a raw metric; undefined if it has a number that JSON doesn't allow (NaN, infinities). */
export function encodeRawMetric(record: RawMetric): string | undefined {
  if (!Number.isFinite(record.timestamp)) return undefined;
  const value = record.type === "set" ? encodeElements(record.value) : encodeNumber(record.value);
  if (value === undefined) return undefined;
  // Joined by hand: JSON.stringify of the whole record costs twice as much.
  return `{"metric":${JSON.stringify(record.metric)},"type":"${record.type}","value":${value},"timestamp":${record.timestamp},"tags":${JSON.stringify(record.tags)}}`;
}

function encodeNumber(value: number): string | undefined {
  return Number.isFinite(value) ? `${value}` : undefined;
}

function encodeElements(elements: readonly SetElement[]): string | undefined {
  for (const element of elements) {
    if (typeof element === "number" && !Number.isFinite(element)) return undefined;
  }
  return JSON.stringify(elements);
}

export function decodeRawMetric(text: string): Result<ReceivedMetric> {
  return decode(text, readRawMetric);
}

function readRawMetric(fields: Fields, text: string): Result<ReceivedMetric> {
  const { metric, type, value, timestamp, tags } = fields;
  if (typeof metric !== "string" || metric === "") return bad("metric", "a name", metric);
  const time = decodeTime(timestamp);
  if (time === undefined) return bad("timestamp", "seconds since 1970", timestamp);
  const list = decodeTags(tags, text);
  if (list === undefined) return bad("tags", "an object of name: value", tags);
  const read = readValue(type, value, text);
  return "ok" in read ? read : { ok: true, value: { metric, timestamp: time, tags: list, ...read } };
}

function readValue(type: unknown, value: unknown, text: string): ReceivedValue | Undecodable {
  if (isNumberType(type)) {
    // In Python True is 1.
    const number = typeof value === "boolean" ? Number(value) : value;
    if (typeof number !== "number" || !Number.isFinite(number)) return bad("value", "a number", value);
    return { type, value: number };
  }
  if (type === SAMPLES_TYPE) {
    return isSampleList(value)
      ? { type: "histogram", value }
      : bad("value", "a list of [number, weight above 0]", value);
  }
  if (type === SKETCH_TYPE) {
    const sketch = fromPlainSketch(value);
    return sketch === undefined
      ? bad("value", "a sketch of at least one sample", value)
      : { type: "distribution", value: sketch };
  }
  if (type !== "set") return bad("type", `one of ${NUMBER_TYPES.join(", ")}, set`, type);
  if (!Array.isArray(value)) return bad("value", "an array", value);
  const elements = decodeElements(value, () => sourceOf(text, "value"));
  return "ok" in elements ? elements : { type, value: elements.elements };
}

function isSampleList(value: unknown): value is readonly WeightedSample[] {
  return Array.isArray(value) && value.length > 0 && value.every(isSample);
}

function isSample(sample: unknown): sample is WeightedSample {
  return (
    Array.isArray(sample) &&
    sample.length === 2 &&
    Number.isFinite(sample[0]) &&
    Number.isFinite(sample[1]) &&
    sample[1] > 0
  );
}

function isNumberType(type: unknown): type is NumberType {
  return numberTypes.has(type);
}

/** `["name:value", …]`, with scalars formatted as the original agent does; undefined if it isn't an object. */
function decodeTags(tags: unknown, text: string): readonly string[] | undefined {
  if (isEmpty(tags)) return [];
  if (typeof tags !== "object" || tags === null || Array.isArray(tags)) return undefined;
  const list: string[] = [];
  for (const name in tags) {
    const value = (tags as Fields)[name];
    if (typeof value !== "string") return textTags(tags as Fields, sourceOf(text, "tags") as Fields);
    list.push(`${name}:${value}`);
  }
  return list;
}

/** Whether Python considers it false: the original has no tags then. */
function isEmpty(tags: unknown): boolean {
  return !tags || (Array.isArray(tags) && tags.length === 0);
}

function textTags(tags: Fields, sources: Fields): readonly string[] {
  return Object.entries(tags).map(([name, value]) => `${name}:${tagText(value, sources[`"${name}`])}`);
}

/** Formats a value like Python's `str`, but arrays and objects as JSON: normalising a tag leaves little of either. */
function tagText(value: unknown, source: unknown): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  // As written: 1.0 is not 1.
  if (typeof value === "number") return String(source);
  return typeof value === "string" ? value : JSON.stringify(value);
}

function sourceOf(text: string, field: string): unknown {
  return (parseSources(text) as Fields)[`"${field}`];
}
