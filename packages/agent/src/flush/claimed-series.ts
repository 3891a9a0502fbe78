/**
 * The series of one second, each claimed by one context.
 *
 * Datadog keeps one value of a series and second, whatever its type. Two contexts that came to one series (a set and a
 * count of one name, a gauge named as a histogram's maximum) would be one value there, and the other would be lost
 * silently. So the first keeps the series, and the other becomes a dead letter: docs/decisions/0014-one-identity.md.
 */
import { canonicalTags, contextKey, metricName, type ReadyMetric, seriesKey } from "@chouette-iot/record";
import type { Context } from "../aggregation/context.js";

export class ClaimedSeries {
  readonly #owners = new Map<string, Context>();

  /**
   * Claims the series of all these metrics for the context that they were made of. Returns the reason if one can't be:
   * then none of them is claimed.
   */
  claim(metrics: readonly ReadyMetric[], context: Context): string | undefined {
    const keys = new Set<string>();
    for (const metric of metrics) {
      const key = keyOf(metric);
      if (keys.has(key)) return `${metric.metric} would be sent twice, and Datadog keeps one value`;
      const owner = this.#owners.get(key);
      // What became of a context claims again what the context had.
      if (owner !== undefined && contextKey(owner) !== contextKey(context)) return taken(metric, owner);
      keys.add(key);
    }
    for (const key of keys) this.#owners.set(key, context);
    return undefined;
  }
}

function keyOf({ metric, tags }: ReadyMetric): string {
  return seriesKey(metricName(metric), canonicalTags(tags));
}

function taken({ metric }: ReadyMetric, { metric: name, type }: Context): string {
  return `${metric} with these tags is sent for the ${type} ${name} of this window, and Datadog keeps one value`;
}
