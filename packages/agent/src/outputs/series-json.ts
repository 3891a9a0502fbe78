/**
 * The JSON bodies of Datadog's series endpoints:
 *
 *     v1: {"series": [{"type", "interval"?, "points": [[seconds, value], …], "host"?, "tags"?, "metric"}, …]}
 *     v2: {"series": [{"type": 1 | 2 | 3, "interval"?, "points": [{"timestamp", "value"}, …],
 *                      "resources"?: [{"type": "host", "name"}], "tags"?, "metric"}, …]}
 *
 * Only the sign of -0 is lost and, in v2, the fraction of timestamps and intervals. The fields are in the order that
 * compresses best.
 */
import { type Series, TYPE_NUMBERS } from "./series.js";

/** The body of `POST /api/v1/series`. @param agentHost the host of series without one; "" for none */
export function seriesV1(series: readonly Series[], agentHost: string): string {
  return JSON.stringify({
    series: series.map(({ metric, type, tags, points, interval, host = agentHost }) => ({
      type,
      interval,
      points,
      host: host === "" ? undefined : host,
      tags: tags.length === 0 ? undefined : tags,
      metric,
    })),
  });
}

/** The body of `POST /api/v2/series` as JSON. @param agentHost the host of series without one; "" for none */
export function seriesV2(series: readonly Series[], agentHost: string): string {
  return JSON.stringify({
    series: series.map(({ metric, type, tags, points, interval, host = agentHost }) => ({
      type: TYPE_NUMBERS[type],
      interval: interval === undefined ? undefined : Math.floor(interval),
      points: points.map(([at, value]) => ({ timestamp: Math.floor(at), value })),
      resources: host === "" ? undefined : [{ type: "host", name: host }],
      tags: tags.length === 0 ? undefined : tags,
      metric,
    })),
  });
}
