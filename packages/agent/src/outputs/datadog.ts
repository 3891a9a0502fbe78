/**
 * The Datadog output: ready metrics to the series intake, grouped, compressed and within its limits.
 *
 * The key travels in a header and appears nowhere else.
 */
import type { ReadyMetric } from "@chouette-iot/record";
import { compress } from "./compression.js";
import { type HttpRequest, HttpSender } from "./http.js";
import type { Outcome, Output } from "./output.js";
import { groupSeries, type Series } from "./series.js";
import { seriesV1 } from "./series-json.js";
import { encodeMetricPayload } from "./series-protobuf.js";

export interface DatadogOptions {
  /** The API's base, as in `https://api.datadoghq.com/api`. */
  readonly url: string;
  readonly apiKey: string;
  readonly host: string;
  /** `["key:value", …]` */
  readonly globalTags: readonly string[];
  readonly seriesVersion: "v1" | "v2";
}

interface Endpoint {
  readonly path: string;
  readonly contentType: string;
  /** The largest body that the intake takes, in bytes, as sent and inflated. */
  readonly mostSent: number;
  readonly mostInflated: number;
  encode(series: readonly Series[], host: string): string | Uint8Array;
}

const ENDPOINTS: Readonly<Record<DatadogOptions["seriesVersion"], Endpoint>> = {
  v1: {
    path: "/v1/series",
    contentType: "application/json",
    mostSent: 3_200_000,
    mostInflated: 62_914_560,
    encode: seriesV1,
  },
  v2: {
    path: "/v2/series",
    contentType: "application/x-protobuf",
    mostSent: 512_000,
    mostInflated: 5_242_880,
    encode: encodeMetricPayload,
  },
};

export function datadogOutput({
  url,
  apiKey,
  host,
  globalTags,
  seriesVersion,
}: DatadogOptions): Output<ReadyMetric> {
  const sender = new HttpSender();
  const endpoint = ENDPOINTS[seriesVersion];
  const authorized = { "DD-API-KEY": apiKey };
  return {
    async send(batch, signal) {
      const body = Buffer.from(endpoint.encode(groupSeries(batch, globalTags), host));
      if (body.length > endpoint.mostInflated)
        return tooLarge(body.length, endpoint.mostInflated, "inflated");
      const { encoding, bytes } = await compress(body);
      if (bytes.length > endpoint.mostSent) return tooLarge(bytes.length, endpoint.mostSent, "compressed");
      const headers = { ...authorized, "Content-Type": endpoint.contentType, "Content-Encoding": encoding };
      const post: HttpRequest = { url: url + endpoint.path, method: "POST", headers, body: bytes };
      return sender.send(post, signal);
    },
    check: (signal) => sender.send({ url: `${url}/v1/validate`, method: "GET", headers: authorized }, signal),
    close: () => sender.close(),
  };
}

function tooLarge(bytes: number, limit: number, how: string): Outcome {
  return { kind: "too-large", reason: `${bytes} bytes ${how}, where the intake takes ${limit}` };
}
