/**
 * The datadog wrapper, the default: converts each type as Datadog's own agent does.
 *
 * A set becomes a count of its distinct elements, as with the Python agent.
 */
import type { ReadyMetric, ReadyType, Seconds } from "@chouette-iot/record";
import type { Context } from "../aggregation/context.js";
import { percentile, percentileName, type SortedSamples, sortSamples, summarize } from "./samples.js";
import type { HistogramAggregate, Wrap, WrapperOptions } from "./wrapper.js";

/** One of the metrics that a histogram becomes. */
interface Statistic {
  /** Of its name. */
  readonly suffix: string;
  readonly type: ReadyType;
  /** @param interval the window's length */
  compute(samples: SortedSamples, interval: Seconds): number;
}

export function datadogWrapper({ histogramAggregates, histogramPercentiles }: WrapperOptions): Wrap {
  const statistics = [
    ...histogramAggregates.map(aggregateStatistic),
    ...histogramPercentiles.map(percentileStatistic),
  ];
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
        const samples = sortSamples(context.sum);
        const metrics = statistics.map(({ suffix, type, compute }) =>
          ready(suffix, type, compute(samples, interval)),
        );
        return { ok: true, metrics };
      }
      default:
        return context satisfies never;
    }
  };
}

function aggregateStatistic(aggregate: HistogramAggregate): Statistic {
  const suffix = `.${aggregate}`;
  if (aggregate === "count")
    return { suffix, type: "rate", compute: ({ count }, interval) => count / interval };
  return { suffix, type: "gauge", compute: (samples) => summarize(samples, aggregate) };
}

function percentileStatistic(rank: number): Statistic {
  return {
    suffix: `.${percentileName(rank)}`,
    type: "gauge",
    compute: (samples) => percentile(samples, rank),
  };
}

function readyMetric(
  { metric, tags }: Context,
  suffix: string,
  type: ReadyType,
  value: number,
  at: Seconds,
  interval: Seconds,
): ReadyMetric {
  const points = [[at, value]] as const;
  const name = metric + suffix;
  return type === "gauge"
    ? { metric: name, type, tags, points }
    : { metric: name, type, tags, points, interval };
}
