/**
 * What modules of the user's own are written against. The agent itself is a program, `chouette agent`, and no
 * library.
 */

/** A collector: its module exports a `CollectorFactory` as its default (docs/COLLECTORS.md). */
export type {
  CollectedMetric,
  Collector,
  CollectorContext,
  CollectorFactory,
  Round,
} from "./collectors/collector.js";

/** A wrapper: its module exports a `Wrap` named `wrap` (docs/WRAPPERS.md). */
export type { ReadyMetric, ReadyType, Seconds, Tags } from "@chouette-iot/record";
export { tagList } from "@chouette-iot/record";
export type { Context } from "./aggregation/context.js";
export type { Wrap, Wrapped } from "./wrappers/wrapper.js";
