/**
 * The endpoints of Datadog's intake that the agent uses: what each of them takes, and what it answers.
 *
 * Source of the limits and answers: Datadog's API reference, "Submit metrics", "Send logs", "Validate API key".
 */
import type { Encoding } from "./inflate.js";
import { MOST_LOGS, readLogs, type SubmittedLog } from "./logs.js";
import { readMetricPayload } from "./metric-payload.js";
import { readSeriesV1, readSeriesV2 } from "./read-series-json.js";
import type { Read, SubmittedSeries } from "./submitted-series.js";

/** What one request brought. */
export interface Submission {
  readonly series: readonly SubmittedSeries[];
  readonly logs: readonly SubmittedLog[];
}

export const NOTHING: Submission = { series: [], logs: [] };

type Reader = (body: Buffer) => Read<Submission>;

export interface Endpoint {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** The most bytes of a body as it is sent. */
  readonly mostSent: number;
  /** The most bytes of a body once it is inflated. */
  readonly mostInflated: number;
  readonly encodings: readonly Encoding[];
  /** The reader of a body, by its content type; undefined where no body is expected. */
  readonly readers?: ReadonlyMap<string, Reader>;
  readonly accepted: { readonly status: 200 | 202; readonly body: string };
  /** The most logs in a submission. */
  readonly mostLogs?: number;
}

export const ENDPOINTS: readonly Endpoint[] = [
  {
    method: "POST",
    path: "/api/v2/series",
    mostSent: 512_000,
    mostInflated: 5_242_880,
    encodings: ["identity", "deflate", "gzip", "zstd"],
    readers: new Map([
      ["application/json", series(readSeriesV2)],
      ["application/x-protobuf", series(readMetricPayload)],
    ]),
    accepted: { status: 202, body: '{"errors":[]}' },
  },
  {
    method: "POST",
    path: "/api/v1/series",
    mostSent: 3_200_000,
    mostInflated: 62_914_560,
    encodings: ["identity", "deflate", "gzip"],
    readers: new Map([["application/json", series(readSeriesV1)]]),
    accepted: { status: 202, body: '{"status":"ok"}' },
  },
  {
    method: "POST",
    path: "/api/v2/logs",
    mostSent: 5_000_000,
    mostInflated: 5_000_000,
    encodings: ["identity", "deflate", "gzip"],
    readers: new Map([["application/json", logs]]),
    accepted: { status: 202, body: "{}" },
    mostLogs: MOST_LOGS,
  },
  {
    method: "GET",
    path: "/api/v1/validate",
    mostSent: 0,
    mostInflated: 0,
    encodings: ["identity"],
    accepted: { status: 200, body: '{"valid":true}' },
  },
];

export function isEndpoint(path: string): boolean {
  return ENDPOINTS.some((endpoint) => endpoint.path === path);
}

function series(read: (body: Buffer) => Read<readonly SubmittedSeries[]>): Reader {
  return (body) => {
    const found = read(body);
    return found.ok ? { ok: true, value: { series: found.value, logs: [] } } : found;
  };
}

function logs(body: Buffer): Read<Submission> {
  const found = readLogs(body);
  return found.ok ? { ok: true, value: { series: [], logs: found.value } } : found;
}
