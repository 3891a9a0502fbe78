/** The Datadog output for metrics: the points of a series grouped, encoded and posted. */
import type { ReadyMetric } from "@chouette-iot/record";
import { checkKey, type DatadogAccess, type Endpoint, postToDatadog } from "./datadog.js";
import type { Output } from "./output.js";
import { rounding, roundSeries } from "./precision.js";
import { groupSeries, type Series } from "./series.js";
import { seriesV1 } from "./series-json.js";
import { encodeMetricPayload } from "./series-protobuf.js";

export interface DatadogMetricsOptions extends DatadogAccess {
  readonly host: string;
  /** `["key:value", …]` */
  readonly globalTags: readonly string[];
  readonly seriesVersion: "v1" | "v2";
  /** Significant digits that values are rounded to; undefined leaves them as they are. */
  readonly precision: number | undefined;
}

interface SeriesEndpoint extends Omit<Endpoint, "url"> {
  readonly path: string;
  encode(series: readonly Series[], host: string): string | Uint8Array;
}

/** Limits and encodings: Datadog's API reference, "Submit metrics". */
const ENDPOINTS: Readonly<Record<DatadogMetricsOptions["seriesVersion"], SeriesEndpoint>> = {
  v1: {
    path: "/v1/series",
    contentType: "application/json",
    encoding: "deflate",
    mostSent: 3_200_000,
    mostInflated: 62_914_560,
    encode: seriesV1,
  },
  v2: {
    path: "/v2/series",
    contentType: "application/x-protobuf",
    encoding: "zstd",
    mostSent: 512_000,
    mostInflated: 5_242_880,
    encode: encodeMetricPayload,
  },
};

export function datadogMetrics(options: DatadogMetricsOptions): Output<ReadyMetric> {
  const { apiUrl, host, globalTags, seriesVersion, precision, sender } = options;
  const { path, encode, ...limits } = ENDPOINTS[seriesVersion];
  const endpoint: Endpoint = { ...limits, url: apiUrl + path };
  const round = precision === undefined ? undefined : rounding(precision);
  return {
    send(batch, signal) {
      const grouped = groupSeries(batch, globalTags);
      const series = round === undefined ? grouped : grouped.map((one) => roundSeries(one, round));
      return postToDatadog(Buffer.from(encode(series, host)), endpoint, options, signal);
    },
    check: (signal) => checkKey(options, signal),
    close: () => sender.close(),
  };
}
