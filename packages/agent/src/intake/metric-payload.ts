/**
 * The protobuf that `POST /api/v2/series` takes, `MetricPayload`, read by hand:
 *
 *     MetricPayload { repeated MetricSeries series = 1 }
 *     MetricSeries  { repeated Resource resources = 1; string metric = 2; repeated string tags = 3;
 *                     repeated MetricPoint points = 4; MetricType type = 5; int64 interval = 8 }
 *     Resource      { string type = 1; string name = 2 }
 *     MetricPoint   { double value = 1; int64 timestamp = 2 }
 *
 * Promises: any bytes at all give either series or the reason why not. Fields that are not named here, or that
 * have another wire type, are skipped, as protobuf's own readers do.
 */

import type { Result } from "@chouette-iot/record";
import { TYPE_NUMBERS } from "./read-series-json.js";
import { checkAllSeries, type SubmittedSeries, type UncheckedSeries } from "./submitted-series.js";

const VARINT = 0;
const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;

/** What stands before a field: its number and its wire type. */
const key = (field: number, wireType: number) => (field << 3) | wireType;

const PAYLOAD_SERIES = key(1, LENGTH_DELIMITED);
const SERIES_RESOURCES = key(1, LENGTH_DELIMITED);
const SERIES_METRIC = key(2, LENGTH_DELIMITED);
const SERIES_TAGS = key(3, LENGTH_DELIMITED);
const SERIES_POINTS = key(4, LENGTH_DELIMITED);
const SERIES_TYPE = key(5, VARINT);
const SERIES_INTERVAL = key(8, VARINT);
const RESOURCE_TYPE = key(1, LENGTH_DELIMITED);
const RESOURCE_NAME = key(2, LENGTH_DELIMITED);
const POINT_VALUE = key(1, FIXED_64);
const POINT_TIMESTAMP = key(2, VARINT);

class Malformed extends Error {}

/** One message: reading a field moves `at` towards `end`. */
interface Message {
  readonly bytes: Buffer;
  at: number;
  readonly end: number;
}

export function readMetricPayload(body: Buffer): Result<readonly SubmittedSeries[]> {
  try {
    return checkAllSeries(payload({ bytes: body, at: 0, end: body.length }));
  } catch (error) {
    if (error instanceof Malformed)
      return { ok: false, reason: `the body is not protobuf: ${error.message}` };
    throw error;
  }
}

function payload(message: Message): readonly UncheckedSeries[] {
  const all: UncheckedSeries[] = [];
  while (message.at < message.end) {
    const field = varint(message);
    if (field === PAYLOAD_SERIES) all.push(series(inner(message)));
    else skip(message, field);
  }
  return all;
}

function series(message: Message): UncheckedSeries {
  const tags: string[] = [];
  const points: [number, number][] = [];
  let host: string | undefined;
  let metric = "";
  let type = 0;
  let interval = 0;
  while (message.at < message.end) {
    const field = varint(message);
    if (field === SERIES_RESOURCES) host = hostOf(inner(message)) ?? host;
    else if (field === SERIES_METRIC) metric = string(message);
    else if (field === SERIES_TAGS) tags.push(string(message));
    else if (field === SERIES_POINTS) points.push(point(inner(message)));
    else if (field === SERIES_TYPE) type = varint(message);
    else if (field === SERIES_INTERVAL) interval = varint(message);
    else skip(message, field);
  }
  return { metric, type: type in TYPE_NUMBERS ? TYPE_NUMBERS[type] : type, host, tags, points, interval };
}

/** The resource's name where it is the host. */
function hostOf(message: Message): string | undefined {
  let type = "";
  let name = "";
  while (message.at < message.end) {
    const field = varint(message);
    if (field === RESOURCE_TYPE) type = string(message);
    else if (field === RESOURCE_NAME) name = string(message);
    else skip(message, field);
  }
  return type === "host" ? name : undefined;
}

function point(message: Message): [at: number, value: number] {
  let value = 0;
  let at = 0;
  while (message.at < message.end) {
    const field = varint(message);
    if (field === POINT_VALUE) value = message.bytes.readDoubleLE(take(message, 8));
    else if (field === POINT_TIMESTAMP) at = varint(message);
    else skip(message, field);
  }
  return [at, value];
}

function inner(message: Message): Message {
  const length = varint(message);
  const at = take(message, length);
  return { bytes: message.bytes, at, end: message.at };
}

function string(message: Message): string {
  const { bytes, at, end } = inner(message);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(at, end));
  } catch {
    throw new Malformed(`the text at byte ${at} is not UTF-8`);
  }
}

function skip(message: Message, field: number): void {
  if (field < key(1, 0)) throw new Malformed(`there is a field 0 before byte ${message.at}`);
  const wireType = field & 7;
  if (wireType === VARINT) varint(message);
  else if (wireType === FIXED_64) take(message, 8);
  else if (wireType === LENGTH_DELIMITED) inner(message);
  else if (wireType === FIXED_32) take(message, 4);
  else throw new Malformed(`the wire type ${wireType} before byte ${message.at} is unknown`);
}

/** A signed 64-bit number; beyond 2^53, the nearest that a number can hold. */
function varint(message: Message): number {
  const first = message.bytes[message.at] ?? 0;
  if (first < 0x80) {
    take(message, 1);
    return first;
  }
  const start = message.at;
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = message.bytes[take(message, 1)] ?? 0;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return Number(BigInt.asIntN(64, value));
  }
  throw new Malformed(`the number at byte ${start} has no end`);
}

/** Where the next `length` bytes begin; they are passed over. */
function take(message: Message, length: number): number {
  const { at, end } = message;
  if (length < 0 || length > end - at) {
    throw new Malformed(`at byte ${at}, ${length} bytes should follow, but there are ${end - at}`);
  }
  message.at = at + length;
  return at;
}
