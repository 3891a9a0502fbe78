/**
 * A context: the sum of the records of one series and type in one window.
 *
 * Contexts of the same key can be merged in any order and grouping, and survive JSON, so that a part of a window can
 * wait in the store for the rest. Sums are finite: a record or context that would make one infinite isn't added.
 */
import { addToSketch, type KeyedMetric, mergeSketches, newSketch, type Sketch } from "@chouette-iot/record";
import { addToCount, type Count, mergeCounts, newCount } from "./count.js";
import { addToGauge, type Gauge, mergeGauges, newGauge } from "./gauge.js";
import { addToHistogram, addWeighted, type Histogram, mergeHistograms, newHistogram } from "./histogram.js";
import { addToRate, mergeRates, newRate, type Rate } from "./rate.js";
import { addToSet, type DistinctSet, mergeSets, newSet } from "./set.js";

interface Named {
  /** As Datadog normalizes names. */
  readonly metric: string;
  /** `["key:value", …]` as Datadog normalizes tags: sorted, without duplicates, including the global tags. */
  readonly tags: readonly string[];
}

export type Context = Named &
  (
    | { readonly type: "count"; readonly sum: Count }
    | { readonly type: "gauge"; readonly sum: Gauge }
    | { readonly type: "rate"; readonly sum: Rate }
    | { readonly type: "set"; readonly sum: DistinctSet }
    | { readonly type: "histogram"; readonly sum: Histogram }
    | { readonly type: "distribution"; readonly sum: Sketch }
  );

export function newContext({ metric, type, tags }: Named & Pick<KeyedMetric, "type">): Context {
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
      return { metric, tags, type, sum: newHistogram() };
    case "distribution":
      return { metric, tags, type, sum: newSketch() };
    default:
      return type satisfies never;
  }
}

/** The reason of a record or context that wasn't added. */
export const TOO_LARGE = "the window's sum would be too large for a number";

/** Adds a record of the context's own key. Returns false, and changes nothing, if the sum wouldn't be finite. */
export function addRecord(context: Context, record: KeyedMetric): boolean {
  switch (context.type) {
    case "count":
      return addToCount(context.sum, numberOf(record));
    case "gauge":
      return addToGauge(context.sum, numberOf(record), record.timestamp);
    case "rate":
      return addToRate(context.sum, numberOf(record));
    case "set":
      return addToSet(context.sum, sameType("set", record).value);
    case "histogram": {
      const { value } = sameType("histogram", record);
      return typeof value === "number" ? addToHistogram(context.sum, value) : addWeighted(context.sum, value);
    }
    case "distribution": {
      const { value } = sameType("distribution", record);
      return typeof value === "number" ? addToSketch(context.sum, value) : mergeSketches(context.sum, value);
    }
    default:
      return context satisfies never;
  }
}

/** Adds another context of the same key to the first. Returns false, and changes nothing, if the sum wouldn't be finite. */
export function mergeContext(into: Context, other: Context): boolean {
  switch (into.type) {
    case "count":
      return mergeCounts(into.sum, sameType(into.type, other).sum);
    case "gauge":
      return mergeGauges(into.sum, sameType(into.type, other).sum);
    case "rate":
      return mergeRates(into.sum, sameType(into.type, other).sum);
    case "histogram":
      return mergeHistograms(into.sum, sameType(into.type, other).sum);
    case "distribution":
      return mergeSketches(into.sum, sameType(into.type, other).sum);
    case "set":
      return mergeSets(into.sum, sameType(into.type, other).sum);
    default:
      return into satisfies never;
  }
}

/** The sum of both, as a new context; undefined if it isn't finite. */
export function sumOf(first: Context, second: Context): Context | undefined {
  const sum = newContext(first);
  return mergeContext(sum, first) && mergeContext(sum, second) ? sum : undefined;
}

/** The key includes the type: another type is the caller's mistake. @throws TypeError */
function sameType<const U extends string, T extends { readonly type: string }>(
  type: U,
  other: T,
): Extract<T, { readonly type: U }> {
  if (other.type !== type) throw new TypeError(`a ${other.type} can't be added to a ${type}`);
  return other as Extract<T, { readonly type: U }>;
}

function numberOf(record: KeyedMetric): number {
  if (typeof record.value !== "number") throw new TypeError(`a ${record.type} can't be added to a number`);
  return record.value;
}
