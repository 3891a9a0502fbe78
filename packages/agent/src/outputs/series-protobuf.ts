/**
 * Series as `MetricPayload`, the protobuf message of `POST /api/v2/series`:
 *
 *     MetricPayload { repeated MetricSeries series = 1 }
 *     MetricSeries  { repeated Resource resources = 1; string metric = 2; repeated string tags = 3;
 *                     repeated MetricPoint points = 4; MetricType type = 5; int64 interval = 8 }
 *     Resource      { string type = 1; string name = 2 }
 *     MetricPoint   { double value = 1; int64 timestamp = 2 }
 *     MetricType    COUNT = 1, RATE = 2, GAUGE = 3
 *
 * Only the fraction of timestamps and intervals is lost. A value of 0 is left out: it is proto3's default.
 */
import type { Point } from "@chouette-iot/record";
import { ProtobufWriter } from "./protobuf-writer.js";
import { type Series, TYPE_NUMBERS } from "./series.js";

const PAYLOAD = { series: 1 } as const;
const SERIES = { resources: 1, metric: 2, tags: 3, points: 4, type: 5, interval: 8 } as const;
const RESOURCE = { type: 1, name: 2 } as const;
const POINT = { value: 1, timestamp: 2 } as const;

/** @param agentHost the host of series without one; "" for none */
export function encodeMetricPayload(series: readonly Series[], agentHost: string): Buffer {
  const resources = hostEncoder();
  const writer = new ProtobufWriter();
  for (let index = series.length - 1; index >= 0; index--) {
    const one = series[index];
    if (one !== undefined) writeSeries(writer, one, resources(one.host ?? agentHost));
  }
  return writer.finish();
}

/** Encodes each host once. */
function hostEncoder(): (host: string) => Uint8Array {
  const known = new Map<string, Uint8Array>();
  return (host) => {
    const encoded = known.get(host) ?? encodeHost(host);
    known.set(host, encoded);
    return encoded;
  };
}

function encodeHost(host: string): Uint8Array {
  const writer = new ProtobufWriter();
  if (host !== "") {
    writer.string(RESOURCE.name, host);
    writer.string(RESOURCE.type, "host");
    writer.message(SERIES.resources, 0);
  }
  return writer.finish();
}

/**
 * Last field first, and the last entry of each list first: the writer works backwards.
 *
 * Fields may be in any order. This one compresses best.
 */
function writeSeries(writer: ProtobufWriter, series: Series, resources: Uint8Array): void {
  const { metric, type, tags, points, interval } = series;
  const before = writer.written;
  for (let index = tags.length - 1; index >= 0; index--) writer.string(SERIES.tags, tags[index] ?? "");
  writer.prewritten(resources);
  for (let index = points.length - 1; index >= 0; index--) {
    const point = points[index];
    if (point !== undefined) writePoint(writer, point);
  }
  writer.string(SERIES.metric, metric);
  if (interval !== undefined) writer.integer(SERIES.interval, Math.floor(interval));
  writer.integer(SERIES.type, TYPE_NUMBERS[type]);
  writer.message(PAYLOAD.series, before);
}

function writePoint(writer: ProtobufWriter, [at, value]: Point): void {
  const before = writer.written;
  // -0 isn't the default: if it were left out, it would be read as 0.
  if (!Object.is(value, 0)) writer.double(POINT.value, value);
  writer.integer(POINT.timestamp, Math.floor(at));
  writer.message(SERIES.points, before);
}
