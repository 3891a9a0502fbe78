/**
 * The endpoints of Datadog's intake that the agent uses: what each accepts, and its answer.
 *
 * Source of the limits and answers: Datadog's API reference, "Submit metrics", "Send logs", "Post an event", "Submit a service
 * check", "Validate API key"; for series v3 the Datadog Agent's serializer.
 */
import type { Result } from "@chouette-iot/record";
import { readChecks, readEvent, type SubmittedCheck, type SubmittedEvent } from "./events.js";
import type { Encoding } from "./inflate.js";
import { MAX_LOGS, readLogs, type SubmittedLog } from "./logs.js";
import { readMetricPayload } from "./metric-payload.js";
import { readSeriesV1, readSeriesV2 } from "./read-series-json.js";
import { readSeriesV3 } from "./series-v3-payload.js";
import { readSketchPayload, type SubmittedSketch } from "./sketch-payload.js";
import type { SubmittedSeries } from "./submitted-series.js";

/** The content of one request. */
export interface Submission {
  readonly series: readonly SubmittedSeries[];
  readonly logs: readonly SubmittedLog[];
  readonly events: readonly SubmittedEvent[];
  readonly checks: readonly SubmittedCheck[];
  readonly sketches: readonly SubmittedSketch[];
}

export const NOTHING: Submission = { series: [], logs: [], events: [], checks: [], sketches: [] };

type Reader = (body: Buffer) => Result<Submission>;

export interface Endpoint {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Limit of a body as sent, in bytes. */
  readonly maxSentBytes: number;
  /** Limit of an inflated body, in bytes. */
  readonly maxInflatedBytes: number;
  readonly encodings: readonly Encoding[];
  /** The reader of a body, by its content type; undefined if no body is expected. */
  readonly readers?: ReadonlyMap<string, Reader>;
  readonly accepted: { readonly status: 200 | 202; readonly body: string };
  /** Maximum number of logs in a submission. */
  readonly maxLogs?: number;
}

export const ENDPOINTS: readonly Endpoint[] = [
  {
    method: "POST",
    path: "/api/v2/series",
    maxSentBytes: 512_000,
    maxInflatedBytes: 5_242_880,
    encodings: ["identity", "deflate", "gzip", "zstd"],
    readers: new Map([
      ["application/json", read(readSeriesV2, (series) => ({ series }))],
      ["application/x-protobuf", read(readMetricPayload, (series) => ({ series }))],
    ]),
    accepted: { status: 202, body: '{"errors":[]}' },
  },
  {
    method: "POST",
    path: "/api/v1/series",
    maxSentBytes: 3_200_000,
    maxInflatedBytes: 62_914_560,
    encodings: ["identity", "deflate", "gzip"],
    readers: new Map([["application/json", read(readSeriesV1, (series) => ({ series }))]]),
    accepted: { status: 202, body: '{"status":"ok"}' },
  },
  {
    method: "POST",
    path: "/api/intake/metrics/v3/series",
    maxSentBytes: 512_000,
    maxInflatedBytes: 5_242_880,
    encodings: ["zstd"],
    readers: new Map([["application/x-protobuf", read(readSeriesV3, (series) => ({ series }))]]),
    // An empty protobuf message: no errors.
    accepted: { status: 202, body: "" },
  },
  {
    method: "POST",
    path: "/api/v2/logs",
    maxSentBytes: 5_000_000,
    maxInflatedBytes: 5_000_000,
    encodings: ["identity", "deflate", "gzip"],
    readers: new Map([["application/json", read(readLogs, (logs) => ({ logs }))]]),
    accepted: { status: 202, body: "{}" },
    maxLogs: MAX_LOGS,
  },
  {
    method: "POST",
    path: "/api/beta/sketches",
    maxSentBytes: 512_000,
    maxInflatedBytes: 5_242_880,
    encodings: ["identity", "deflate", "gzip", "zstd"],
    readers: new Map([["application/x-protobuf", read(readSketchPayload, (sketches) => ({ sketches }))]]),
    accepted: { status: 202, body: "{}" },
  },
  {
    method: "POST",
    path: "/api/v1/events",
    maxSentBytes: 3_200_000,
    maxInflatedBytes: 5_000_000,
    encodings: ["identity", "deflate", "gzip"],
    readers: new Map([["application/json", read(readEvent, (events) => ({ events }))]]),
    accepted: { status: 202, body: '{"status":"ok"}' },
  },
  {
    method: "POST",
    path: "/api/v1/check_run",
    maxSentBytes: 3_200_000,
    maxInflatedBytes: 5_000_000,
    encodings: ["identity", "deflate", "gzip"],
    readers: new Map([["application/json", read(readChecks, (checks) => ({ checks }))]]),
    accepted: { status: 202, body: '{"status":"ok"}' },
  },
  {
    method: "GET",
    path: "/api/v1/validate",
    maxSentBytes: 0,
    maxInflatedBytes: 0,
    encodings: ["identity"],
    accepted: { status: 200, body: '{"valid":true}' },
  },
];

export function isEndpoint(path: string): boolean {
  return ENDPOINTS.some((endpoint) => endpoint.path === path);
}

function read<T>(decode: (body: Buffer) => Result<T>, submitted: (found: T) => Partial<Submission>): Reader {
  return (body) => {
    const found = decode(body);
    return found.ok ? { ok: true, value: { ...NOTHING, ...submitted(found.value) } } : found;
  };
}
