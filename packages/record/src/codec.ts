/**
 * The wire codec: records to the JSON that the broker holds, and back.
 *
 * Promises: what is written can be read by the original Python agent, and holds no number that JSON can't
 * carry. What is read may be anything at all: the answer is a record, or the reason why it is none.
 */
import type { ReceivedLog } from "./log.js";
import { NUMBER_TYPES, type NumberType, type RawMetric, type SetElement } from "./raw-metric.js";
import type { Point, ReadyMetric, ReadyType } from "./ready-metric.js";
import { NO_TAGS, type Tags } from "./tags.js";
import { type Seconds, seconds } from "./time.js";

export type Decoded<T> =
  | { readonly ok: true; readonly record: T }
  | { readonly ok: false; readonly reason: string };

const numberTypes: ReadonlySet<unknown> = new Set(NUMBER_TYPES);
const readyTypes: ReadonlySet<unknown> = new Set<ReadyType>(["count", "gauge", "rate"]);

/** The JSON of a raw metric, or undefined where it holds a number that JSON can't carry (NaN, infinities). */
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

export function decodeRawMetric(text: string): Decoded<RawMetric> {
  const parsed = parseObject(text);
  if (!parsed.ok) return parsed;
  const { record } = parsed;
  const { metric, type, value, timestamp, tags } = record;
  if (typeof metric !== "string" || metric === "") return bad("metric", "a name", metric);
  if (typeof timestamp !== "number" || !Number.isFinite(timestamp))
    return bad("timestamp", "seconds since 1970", timestamp);
  const decodedTags = decodeTags(tags);
  if (decodedTags === undefined) return bad("tags", "an object of name: value", tags);
  // What JSON.parse made is the record itself where nothing had to change: this is the agent's hot path.
  if (decodedTags !== tags) record.tags = decodedTags;
  if (isNumberType(type)) {
    if (typeof value !== "number" || !Number.isFinite(value)) return bad("value", "a number", value);
  } else {
    if (type !== "set") return bad("type", `one of ${NUMBER_TYPES.join(", ")}, set`, type);
    if (!Array.isArray(value)) return bad("value", "an array", value);
    record.value = value.map(decodeElement);
  }
  return parsed as { ok: true; record: unknown } as { ok: true; record: RawMetric };
}

/** The JSON of a ready metric, or undefined where it holds a number that JSON can't carry. */
export function encodeReadyMetric(record: ReadyMetric): string | undefined {
  return isPoints(record.points) ? JSON.stringify(record) : undefined;
}

export function decodeReadyMetric(text: string): Decoded<ReadyMetric> {
  const parsed = parseObject(text);
  if (!parsed.ok) return parsed;
  const { metric, type, tags = [], points, interval } = parsed.record;
  if (typeof metric !== "string" || metric === "") return bad("metric", "a name", metric);
  if (!isReadyType(type)) return bad("type", "one of count, gauge, rate", type);
  if (!isTagList(tags)) return bad("tags", 'a list of "name:value"', tags);
  if (!isPoints(points)) return bad("points", "a list of [seconds, number]", points);
  const record = { metric, type, tags, points };
  if (interval === undefined || interval === null) return { ok: true, record };
  if (typeof interval !== "number" || !(interval > 0)) return bad("interval", "seconds above 0", interval);
  return { ok: true, record: { ...record, interval: seconds(interval) } };
}

/** Tags may also be one text, with commas between them, as Datadog writes them. */
export function decodeLog(text: string): Decoded<ReceivedLog> {
  const parsed = parseObject(text);
  if (!parsed.ok) return parsed;
  const { message, ddtags } = parsed.record;
  const isMessage = typeof message === "string" || (typeof message === "object" && message !== null);
  if (!isMessage) return bad("message", "a text or an object", message);
  const tags = decodeLogTags(ddtags);
  if (tags === undefined) return bad("ddtags", 'a list of "name:value"', ddtags);
  return { ok: true, record: { ...parsed.record, message, ddtags: tags } };
}

function decodeLogTags(tags: unknown): readonly string[] | undefined {
  if (tags === undefined || tags === null) return [];
  if (typeof tags === "string") return nonEmpty(tags.split(","));
  return Array.isArray(tags) ? nonEmpty(tags.map(asText)) : undefined;
}

function nonEmpty(tags: readonly string[]): readonly string[] {
  return tags.map((tag) => tag.trim()).filter((tag) => tag !== "");
}

function parseObject(text: string): Decoded<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    // Python's json writes NaN and Infinity, which are not JSON: the parser's own words name the token.
    return { ok: false, reason: `not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    return { ok: false, reason: `the record should be a JSON object, but is ${inWords(parsed)}` };
  return { ok: true, record: parsed as Record<string, unknown> };
}

/** Scalars become text, as the original agent formats them; undefined where there is no object of tags. */
function decodeTags(tags: unknown): Tags | undefined {
  if (tags === undefined || tags === null) return NO_TAGS;
  if (typeof tags !== "object" || Array.isArray(tags)) return undefined;
  for (const name in tags) {
    if (typeof (tags as Record<string, unknown>)[name] !== "string") return textTags(tags);
  }
  return tags as Tags;
}

function textTags(tags: object): Tags {
  return Object.fromEntries(Object.entries(tags).map(([name, value]) => [name, asText(value)]));
}

function decodeElement(element: unknown): SetElement {
  const plain = typeof element === "string" || typeof element === "number" || typeof element === "boolean";
  return plain ? element : asText(element);
}

function asText(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function isNumberType(type: unknown): type is NumberType {
  return numberTypes.has(type);
}

function isReadyType(type: unknown): type is ReadyType {
  return readyTypes.has(type);
}

function isTagList(tags: unknown): tags is readonly string[] {
  return Array.isArray(tags) && tags.every((tag) => typeof tag === "string");
}

function isPoints(points: unknown): points is readonly (readonly [Seconds, number])[] {
  return Array.isArray(points) && points.length > 0 && points.every(isPoint);
}

function isPoint(point: unknown): point is Point {
  return Array.isArray(point) && point.length === 2 && point.every(Number.isFinite);
}

function bad(field: string, expected: string, found: unknown): { ok: false; reason: string } {
  return { ok: false, reason: `${field} should be ${expected}, but is ${inWords(found)}` };
}

function inWords(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return "an object";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
