/**
 * The JSON bodies of Datadog's series endpoints:
 *
 *     v1: {"series": [{"type", "interval"?, "points": [[seconds, value], …], "host"?, "tags"?, "metric"}, …]}
 *     v2: {"series": [{"type": 1 | 2 | 3, "interval"?, "points": [{"timestamp", "value"}, …],
 *                      "resources"?: [{"type": "host", "name"}], "tags"?, "metric"}, …]}
 *
 * Nothing is lost but the sign of -0 and, in v2, the fraction of a timestamp or interval, which it has no room for.
 * The fields stand in the order in which a batch compresses best.
 */
import { type Series, TYPE_NUMBERS } from "./series.js";

/** The body of `POST /api/v1/series`. @param agentHost of every series that names none; with "" it has none */
export function seriesV1(series: readonly Series[], agentHost: string): string {
  return JSON.stringify({
    series: series.map(({ metric, type, tags, points, interval, host = agentHost }) => ({
      type,
      interval,
      points,
      ...(host === "" ? {} : { host }),
      ...tagsOf(tags),
      metric,
    })),
  });
}

/** The body of `POST /api/v2/series` as JSON. @param agentHost of every series that names none; with "" it has none */
export function seriesV2(series: readonly Series[], agentHost: string): string {
  return JSON.stringify({
    series: series.map(({ metric, type, tags, points, interval, host = agentHost }) => ({
      type: TYPE_NUMBERS[type],
      interval: interval === undefined ? undefined : Math.floor(interval),
      points: points.map(([at, value]) => ({ timestamp: Math.floor(at), value })),
      ...(host === "" ? {} : { resources: [{ type: "host", name: host }] }),
      ...tagsOf(tags),
      metric,
    })),
  });
}

function tagsOf(tags: readonly string[]): { readonly tags?: readonly string[] } {
  return tags.length === 0 ? {} : { tags };
}
