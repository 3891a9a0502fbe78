/** What a collector of one's own is written against: its module exports a `CollectorFactory` as its default. */
export type {
  CollectedMetric,
  Collector,
  CollectorContext,
  CollectorFactory,
  Round,
} from "./collectors/collector.js";
