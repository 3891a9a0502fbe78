/**
 * What modules of the user's own are written against: a wrapper, which is a `Wrap` exported as `wrap`
 * (docs/WRAPPERS.md), and a collector, which is a `CollectorFactory` exported as the default
 * (docs/COLLECTORS.md). The agent itself is a program, `chouette agent`, and no library.
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
