/**
 * The datadog wrapper, the default: converts each type as Datadog's own agent does.
 *
 * A set becomes a count of its distinct elements, as with the Python agent.
 */
import type { ReadyMetric, ReadyType, Seconds } from "@chouette-iot/record";
import type { Context } from "../aggregation/context.js";
import { percentile, percentileName, sortSamples, summarize } from "./samples.js";
import type { Wrap, WrapperOptions } from "./wrapper.js";

export function datadogWrapper({ histogramAggregates, histogramPercentiles }: WrapperOptions): Wrap {
  return (context, at, interval) => {
    const ready = (suffix: string, type: ReadyType, value: number) =>
      readyMetric(context, suffix, type, value, at, interval);
    switch (context.type) {
      case "count":
        return { ok: true, metrics: [ready("", "count", context.sum.total)] };
      case "gauge":
        return { ok: true, metrics: [ready("", "gauge", context.sum.latest)] };
      case "rate":
        return { ok: true, metrics: [ready("", "rate", context.sum.total / interval)] };
      case "set":
        return { ok: true, metrics: [ready("", "count", context.sum.elements.size)] };
      case "distribution": {
        const { metric, tags, sum } = context;
        return { ok: true, metrics: [], sketches: [{ metric, tags, at, sketch: sum }] };
      }
      case "histogram": {
        const sorted = sortSamples(context.sum);
        const aggregates = histogramAggregates.map((aggregate) =>
          aggregate === "count"
            ? ready(".count", "rate", sorted.count / interval)
            : ready(`.${aggregate}`, "gauge", summarize(sorted, aggregate)),
        );
        const percentiles = histogramPercentiles.map((rank) =>
          ready(`.${percentileName(rank)}`, "gauge", percentile(sorted, rank)),
        );
        return { ok: true, metrics: [...aggregates, ...percentiles] };
      }
      default:
        return context satisfies never;
    }
  };
}

function readyMetric(
  context: Context,
  suffix: string,
  type: ReadyType,
  value: number,
  at: Seconds,
  interval: Seconds,
): ReadyMetric {
  const common = {
    metric: context.metric + suffix,
    type,
    tags: context.tags,
    points: [[at, value]] as const,
  };
  return type === "gauge" ? common : { ...common, interval };
}
