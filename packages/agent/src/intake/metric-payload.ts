/**
 * Reads `MetricPayload`, the protobuf message of `POST /api/v2/series`:
 *
 *     MetricPayload { repeated MetricSeries series = 1 }
 *     MetricSeries  { repeated Resource resources = 1; string metric = 2; repeated string tags = 3;
 *                     repeated MetricPoint points = 4; MetricType type = 5; int64 interval = 8 }
 *     Resource      { string type = 1; string name = 2 }
 *     MetricPoint   { double value = 1; int64 timestamp = 2 }
 *
 * Promises: any bytes give series or a reason. Unknown fields, and fields with another wire type, are skipped, as in protobuf's
 * own readers.
 */
import type { Result } from "@chouette-iot/record";
import {
  double,
  FIXED_64,
  inner,
  key,
  LENGTH_DELIMITED,
  type Message,
  readMessage,
  skip,
  string,
  VARINT,
  varint,
} from "./protobuf-reader.js";
import { typeWithNumber } from "./read-series-json.js";
import { checkAllSeries, type SubmittedSeries, type UncheckedSeries } from "./submitted-series.js";

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

export function readMetricPayload(body: Buffer): Result<readonly SubmittedSeries[]> {
  const read = readMessage(body, payload, "protobuf");
  return read.ok ? checkAllSeries(read.value) : read;
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
  return { metric, type: typeWithNumber(type), host, tags, points, interval };
}

/** The resource's name if its type is host. */
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
    if (field === POINT_VALUE) value = double(message);
    else if (field === POINT_TIMESTAMP) at = varint(message);
    else skip(message, field);
  }
  return [at, value];
}
