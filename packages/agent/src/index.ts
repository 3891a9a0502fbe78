/**
 * Types for users' own modules: a wrapper exports a `Wrap` as `wrap` (docs/WRAPPERS.md), a collector exports a
 * `CollectorFactory` as its default (docs/COLLECTORS.md). The agent itself isn't a library but a program,
 * `chouette agent`.
 */

export type { ReadyMetric, ReadyType, Seconds, Tags } from "@chouette-iot/record";
export type { Context } from "./aggregation/context.js";
export type {
  CollectedMetric,
  Collector,
  CollectorContext,
  CollectorFactory,
  Round,
} from "./collectors/collector.js";
export type { Wrap, Wrapped } from "./wrappers/wrapper.js";
