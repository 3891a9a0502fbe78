/**
 * Encodings of a release other than the agent's own: each turns a release into requests.
 *
 * @typedef {{ path: string, type: string, encoding: string, body: Uint8Array }} Request
 * @typedef {{ label: string, requests: (records: readonly any[], host: string) => Promise<readonly Request[]> }} Way
 */
import { deflateSync } from "node:zlib";
import protobuf from "protobufjs";
// The library's encoder can be initialised only once per process, which also has this checkout's agent.
import { compress } from "../../packages/agent/dist/outputs/compression.js";

/** As in the original and in the agent. */
const MAX_METRICS = 10_000;
const MAX_LOGS = 500;
const BEST = 9;

/** Datadog's message, encoded by a library: fields by number, series in their original order. */
const METRIC_PAYLOAD = protobuf
  .parse(`syntax = "proto3";
    message MetricPayload { repeated MetricSeries series = 1; }
    message MetricSeries { repeated Resource resources = 1; string metric = 2; repeated string tags = 3;
      repeated MetricPoint points = 4; int32 type = 5; int64 interval = 8; }
    message Resource { string type = 1; string name = 2; }
    message MetricPoint { double value = 1; int64 timestamp = 2; }`)
  .root.lookupType("MetricPayload");
const TYPE_NUMBERS = { count: 1, rate: 2, gauge: 3 };

/** @type {readonly Way[]} */
export const METRIC_WAYS = [
  {
    label: "JSON v1, a series for each point, deflate 6: the original's way",
    requests: inBatches(MAX_METRICS, (records, host) => json(records, host, {})),
  },
  {
    label: "JSON v1, grouped, deflate 9",
    requests: inBatches(MAX_METRICS, (records, host) => json(grouped(records), host, { level: BEST })),
  },
  {
    label: "JSON v2, grouped, deflate 9",
    requests: inBatches(MAX_METRICS, (records, host) => jsonV2(grouped(records), host)),
  },
  {
    label: "protobuf, grouped, deflate 9",
    requests: inBatches(MAX_METRICS, (records, host) => ({
      ...PROTOBUF,
      encoding: "deflate",
      body: deflateSync(payload(grouped(records), host), { level: BEST }),
    })),
  },
  {
    label: "protobuf, grouped, zstd",
    requests: inBatches(MAX_METRICS, async (records, host) => ({
      ...PROTOBUF,
      ...(await zstd(payload(grouped(records), host))),
    })),
  },
];

const PROTOBUF = { path: "/api/v2/series", type: "application/x-protobuf" };

/** @type {readonly Way[]} */
export const LOG_WAYS = [
  { label: "JSON, not compressed", requests: inBatches(MAX_LOGS, (logs, host) => jsonLogs(logs, host)) },
  {
    label: "JSON, deflate 6",
    requests: inBatches(MAX_LOGS, (logs, host) => {
      const plain = jsonLogs(logs, host);
      return { ...plain, encoding: "deflate", body: deflateSync(plain.body) };
    }),
  },
];

function inBatches(most, write) {
  return (records, host) => {
    const batches = Array.from({ length: Math.ceil(records.length / most) }, (_, index) =>
      records.slice(index * most, (index + 1) * most),
    );
    return Promise.all(batches.map((batch) => write(batch, host)));
  };
}

async function zstd(plain) {
  const { encoding, bytes } = await compress(plain, "zstd");
  return { encoding, body: bytes };
}

function json(series, host, options) {
  const text = JSON.stringify({ series: series.map((one) => ({ ...one, host })) });
  return {
    path: "/api/v1/series",
    type: "application/json",
    encoding: "deflate",
    body: deflateSync(text, options),
  };
}

function jsonV2(series, host) {
  const text = JSON.stringify(messageOf(series, host));
  return {
    path: "/api/v2/series",
    type: "application/json",
    encoding: "deflate",
    body: deflateSync(text, { level: BEST }),
  };
}

function jsonLogs(logs, host) {
  const text = JSON.stringify(logs.map((log) => ({ ...log, ddtags: log.ddtags.join(","), host })));
  return { path: "/api/v2/logs", type: "application/json", encoding: "identity", body: Buffer.from(text) };
}

/** The points of a series in one entry; series in the order of their first points. */
function grouped(records) {
  const groups = new Map();
  for (const { points, ...series } of records) {
    const key = JSON.stringify(series);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { ...series, points: [...points] });
    else group.points.push(...points);
  }
  return [...groups.values()];
}

function payload(series, host) {
  return METRIC_PAYLOAD.encode(METRIC_PAYLOAD.fromObject(messageOf(series, host))).finish();
}

/** As in series v2, in JSON and in protobuf. */
function messageOf(series, host) {
  return {
    series: series.map(({ metric, type, tags, points, interval = 0 }) => ({
      resources: [{ type: "host", name: host }],
      metric,
      tags,
      points: points.map(([timestamp, value]) => ({ timestamp, value })),
      type: TYPE_NUMBERS[type],
      ...(interval === 0 ? {} : { interval }),
    })),
  };
}
