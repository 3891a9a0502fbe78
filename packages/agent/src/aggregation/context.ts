/**
 * A context: the records of one metric, type and tag set in one window, added up whatever came between them.
 *
 * A context can be merged with another of the same key in any order and grouping, and survives JSON, so that
 * a part of a window can wait in the store for the rest.
 */
import type { RawMetric, Tags } from "@chouette-iot/record";
import { addToCount, type Count, mergeCounts, newCount } from "./count.js";
import { addToGauge, type Gauge, mergeGauges, newGauge } from "./gauge.js";
import { addToHistogram, type Histogram, mergeHistograms, newHistogram } from "./histogram.js";
import { addToRate, mergeRates, newRate, type Rate } from "./rate.js";
import { addToSet, type DistinctSet, mergeSets, newSet } from "./set.js";

interface Named {
  readonly metric: string;
  readonly tags: Tags;
}

export type Context = Named &
  (
    | { readonly type: "count"; readonly sum: Count }
    | { readonly type: "gauge"; readonly sum: Gauge }
    | { readonly type: "rate"; readonly sum: Rate }
    | { readonly type: "set"; readonly sum: DistinctSet }
    // Until there are sketches, a distribution is a histogram by another name.
    | { readonly type: "histogram" | "distribution"; readonly sum: Histogram }
  );

export function newContext({ metric, type, tags }: RawMetric): Context {
  switch (type) {
    case "count":
      return { metric, tags, type, sum: newCount() };
    case "gauge":
      return { metric, tags, type, sum: newGauge() };
    case "rate":
      return { metric, tags, type, sum: newRate() };
    case "set":
      return { metric, tags, type, sum: newSet() };
    case "histogram":
    case "distribution":
      return { metric, tags, type, sum: newHistogram() };
  }
}

/** Adds a record of the context's own key. */
export function addRecord(context: Context, record: RawMetric): void {
  if (record.type === "set") {
    if (context.type === "set") addToSet(context.sum, record.value);
  } else if (context.type === "count") addToCount(context.sum, record.value);
  else if (context.type === "gauge") addToGauge(context.sum, record.value, record.timestamp);
  else if (context.type === "rate") addToRate(context.sum, record.value);
  else if (isHistogram(context)) addToHistogram(context.sum, record.value);
}

/** Adds another context of the same key to the first. */
export function mergeContext(into: Context, other: Context): void {
  if (into.type === "count" && other.type === "count") mergeCounts(into.sum, other.sum);
  else if (into.type === "gauge" && other.type === "gauge") mergeGauges(into.sum, other.sum);
  else if (into.type === "rate" && other.type === "rate") mergeRates(into.sum, other.sum);
  else if (into.type === "set" && other.type === "set") mergeSets(into.sum, other.sum);
  else if (isHistogram(into) && isHistogram(other)) mergeHistograms(into.sum, other.sum);
}

function isHistogram(context: Context): context is Named & { type: "histogram"; sum: Histogram } {
  return context.type === "histogram" || context.type === "distribution";
}
