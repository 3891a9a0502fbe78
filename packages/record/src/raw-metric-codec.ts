/**
 * Raw metrics to JSON, and back.
 *
 * Promises: what is written can be read by the original Python agent, and holds no number that JSON can't carry. What is
 * read may be anything at all: the answer is a record, or the reason why it is none, never an exception. What the
 * original agent takes is taken for the same: docs/decisions/0014-one-identity.md.
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

/** The JSON of a raw metric, or undefined if it holds a number that JSON can't carry (NaN, infinities). */
export function encodeRawMetric(record: RawMetric): string | undefined {
  if (!Number.isFinite(record.timestamp)) return undefined;
  const value = record.type === "set" ? encodeElements(record.value) : encodeNumber(record.value);
  if (value === undefined) return undefined;
  // Written by hand: a generic JSON.stringify of the whole costs twice as much, on an application's hot path.
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
    // To Python, True is 1.
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

/** Scalars become text, as the original agent formats them; undefined if this is no object of tags. */
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

/** What Python takes for false: the original has no tags there. */
function isEmpty(tags: unknown): boolean {
  return !tags || (Array.isArray(tags) && tags.length === 0);
}

function textTags(tags: Fields, sources: Fields): readonly string[] {
  return Object.entries(tags).map(([name, value]) => `${name}:${tagText(value, sources[`"${name}`])}`);
}

/** A value's text by Python's `str`, but JSON for arrays and objects: in a tag little is left of either. */
function tagText(value: unknown, source: unknown): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  // As it was written: 1.0 is not 1.
  if (typeof value === "number") return String(source);
  return typeof value === "string" ? value : JSON.stringify(value);
}

function sourceOf(text: string, field: string): unknown {
  return (parseSources(text) as Fields)[`"${field}`];
}
