/** Encodes and decodes ready metrics. Decoding returns a record or the reason why the text isn't one; it never throws. */
import { bad, decode } from "./decode.js";
import type { Fields } from "./json.js";
import { hostOf, type Point, type ReadyMetric, type ReadyType } from "./ready-metric.js";
import type { Result } from "./result.js";
import { isTagList } from "./tags.js";
import { decodeTime, isTime, type Seconds } from "./time.js";

const READY_TYPES: Readonly<Record<ReadyType, true>> = { count: true, gauge: true, rate: true };
/** A year in seconds: no window is longer. */
const MAX_INTERVAL = 31_536_000;

/** Names that JSON writes as they are: those that Datadog stores. */
const PLAIN_NAME = /^[\w.]+$/;

/**
 * The JSON of a ready metric; undefined if it has no points, or a number that JSON doesn't allow.
 * @param tagsJson The JSON of its tags, for callers that write several metrics with the same list.
 */
export function encodeReadyMetric(
  { metric, type, tags, points, host, interval }: ReadyMetric,
  tagsJson: string = JSON.stringify(tags),
): string | undefined {
  if (points.length === 0 || !points.every(isPoint)) return undefined;
  // Written by hand: JSON.stringify of the whole takes half as long again. Joined, since a template's text is kept in
  // a dozen pieces until it is stored, and a window has many of them.
  return [
    '{"metric":',
    PLAIN_NAME.test(metric) ? `"${metric}"` : JSON.stringify(metric),
    ',"type":"',
    type,
    '","tags":',
    tagsJson,
    ',"points":[',
    points.map(pointJson).join(","),
    "]",
    host === undefined ? "" : `,"host":${JSON.stringify(host)}`,
    interval === undefined ? "}" : `,"interval":${interval}}`,
  ].join("");
}

function pointJson([at, value]: Point): string {
  return `[${at},${value}]`;
}

export function decodeReadyMetric(text: string): Result<ReadyMetric> {
  return decode(text, readReadyMetric);
}

function readReadyMetric(fields: Fields): Result<ReadyMetric> {
  const { metric, type, tags, points, interval } = fields;
  if (typeof metric !== "string" || metric === "") return bad("metric", "a name", metric);
  if (!isReadyType(type)) return bad("type", `one of ${Object.keys(READY_TYPES).join(", ")}`, type);
  const list = tags ?? [];
  if (!isTagList(list)) return bad("tags", 'a list of "name:value"', tags);
  const read = decodePoints(points);
  if (read === undefined) return bad("points", "a list of [seconds, number]", points);
  const record = { metric, type, tags: list, points: read, ...hostOf(fields) };
  if (interval === undefined || interval === null) return { ok: true, value: record };
  if (!isInterval(interval)) return bad("interval", `whole seconds from 1 to ${MAX_INTERVAL}`, interval);
  return { ok: true, value: { ...record, interval } };
}

function isReadyType(type: unknown): type is ReadyType {
  return typeof type === "string" && Object.hasOwn(READY_TYPES, type);
}

function isInterval(interval: unknown): interval is Seconds {
  return Number.isInteger(interval) && Number(interval) >= 1 && Number(interval) <= MAX_INTERVAL;
}

function decodePoints(points: unknown): readonly Point[] | undefined {
  if (!Array.isArray(points) || points.length === 0) return undefined;
  if (points.every(isPoint)) return points;
  // The original agent passes on a time that a client wrote as text.
  const read = points.map((point) =>
    Array.isArray(point) ? [decodeTime(point[0]), ...point.slice(1)] : point,
  );
  return read.every(isPoint) ? read : undefined;
}

function isPoint(point: unknown): point is Point {
  return (
    Array.isArray(point) &&
    point.length === 2 &&
    typeof point[0] === "number" &&
    isTime(point[0]) &&
    Number.isFinite(point[1])
  );
}
