/**
 * The Datadog output for metrics: groups points by series, encodes and posts them.
 *
 * Promises: a batch that isn't accepted as series v3 is sent as v2 immediately, so no record is refused because of v3.
 */
import type { ReadyMetric } from "@chouette-iot/record";
import { checkKey, type DatadogAccess, postBody, smallestWithinLimits } from "./datadog-post.js";
import type { Outcome, Output } from "./output.js";
import { groupSeries } from "./series.js";
import { isSeriesV3, type SeriesBodyOptions, type SeriesVersion, seriesBodies } from "./series-bodies.js";
import { mayBeAboutPath, SeriesV3Use } from "./series-v3-use.js";
import { zstdEncoder } from "./zstd-encoder.js";

export type DatadogMetricsOptions = DatadogAccess & Omit<SeriesBodyOptions, "host">;

export function datadogMetrics(options: DatadogMetricsOptions): Output<ReadyMetric> {
  const v3 = new SeriesV3Use();
  const send = async (batch: readonly ReadyMetric[], version: SeriesVersion, signal?: AbortSignal) => {
    const host = options.hostName();
    const body = await smallestWithinLimits(() =>
      seriesBodies(groupSeries(batch), { ...options, host, seriesVersion: version }),
    );
    if (!body.ok) return { outcome: body.outcome, isV3: false };
    const outcome = await postBody(body.value, options, signal);
    return { outcome, isV3: isSeriesV3(body.value.endpoint) };
  };
  return {
    send: async (batch, signal): Promise<Outcome> => {
      const version = await usableVersion(options.seriesVersion, v3);
      const { outcome, isV3 } = await send(batch, version, signal);
      if (version !== options.seriesVersion && outcome.kind === "delivered") v3.delivered();
      if (!isV3 || !mayBeAboutPath(outcome)) return outcome;
      const byV2 = await send(batch, "v2", signal);
      v3.notTaken(byV2.outcome);
      return { ...byV2.outcome, bytes: outcome.bytes + byV2.outcome.bytes };
    },
    check: (signal) => checkKey(options, signal),
    close: () => options.sender.close(),
  };
}

/** Series v3 needs zstd. */
async function usableVersion(version: SeriesVersion, v3: SeriesV3Use): Promise<SeriesVersion> {
  if (version !== "v3") return version;
  return v3.isOn && (await zstdEncoder()) !== undefined ? "v3" : "v2";
}
