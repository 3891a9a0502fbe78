/**
 * A wrapper converts a context of a closed window to ready metrics.
 *
 * It is a pure function: its result depends only on its arguments, so wrapping a window again after a crash gives the same
 * metrics.
 */
import type { ReadyMetric, ReadySketch, Seconds } from "@chouette-iot/record";
import type { Context } from "../aggregation/context.js";

export type Wrapped =
  | {
      readonly ok: true;
      readonly metrics: readonly ReadyMetric[];
      /** Of distributions: Datadog computes percentiles from them. */
      readonly sketches?: readonly ReadySketch[];
    }
  /** The context can't be wrapped: it is rejected with this reason. */
  | { readonly ok: false; readonly reason: string };

/**
 * @param context the aggregated records of one metric, type and tag set
 * @param at the second to stamp the metrics with
 * @param interval the window's length
 */
export type Wrap = (context: Context, at: Seconds, interval: Seconds) => Wrapped;

export const HISTOGRAM_AGGREGATES = ["max", "median", "avg", "count", "min", "sum"] as const;

export type HistogramAggregate = (typeof HISTOGRAM_AGGREGATES)[number];

export interface WrapperOptions {
  readonly histogramAggregates: readonly HistogramAggregate[];
  /** Between 0 and 1: 0.95 gives `.95percentile`. */
  readonly histogramPercentiles: readonly number[];
}
