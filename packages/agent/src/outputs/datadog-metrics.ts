/** The Datadog output for metrics: the points of a series grouped, encoded and posted. */
import type { ReadyMetric } from "@chouette-iot/record";
import { checkKey, type DatadogAccess, type Endpoint, postToDatadog } from "./datadog-post.js";
import type { Output } from "./output.js";
import { groupSeries } from "./series.js";
import { type SeriesBodyOptions, seriesBodies } from "./series-bodies.js";

export interface DatadogMetricsOptions extends DatadogAccess, Omit<SeriesBodyOptions, "host"> {
  /** The present host name: a device may get its name late at boot. */
  hostName(): string;
}

interface SeriesEndpoint extends Omit<Endpoint, "url"> {
  readonly path: string;
}

/** Limits and encodings: Datadog's API reference, "Submit metrics". */
const ENDPOINTS: Readonly<Record<DatadogMetricsOptions["seriesVersion"], SeriesEndpoint>> = {
  v1: { path: "/v1/series", encodings: ["deflate"], maxSentBytes: 3_200_000, maxInflatedBytes: 62_914_560 },
  v2: {
    path: "/v2/series",
    encodings: ["zstd", "deflate"],
    maxSentBytes: 512_000,
    maxInflatedBytes: 5_242_880,
  },
};

export function datadogMetrics(options: DatadogMetricsOptions): Output<ReadyMetric> {
  const { apiUrl, seriesVersion, sender } = options;
  const { path, ...limits } = ENDPOINTS[seriesVersion];
  const endpoint: Endpoint = { ...limits, url: apiUrl + path };
  return {
    send(batch, signal) {
      const encode = () => seriesBodies(groupSeries(batch), { ...options, host: options.hostName() });
      return postToDatadog(encode, endpoint, options, signal);
    },
    check: (signal) => checkKey(options, signal),
    close: () => sender.close(),
  };
}
