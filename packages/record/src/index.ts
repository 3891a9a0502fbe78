export { canonicalTag, metricName, tagName, tagValue } from "./datadog-names.js";
export { bad } from "./decode.js";
export { messageOf } from "./errors.js";
export {
  CHECK_STATUSES,
  type CheckStatus,
  decodeEvent,
  decodeServiceCheck,
  EVENT_ALERT_TYPES,
  EVENT_PRIORITIES,
  type EventAlertType,
  type EventPriority,
  type EventRecord,
  type ServiceCheck,
} from "./event.js";
export { decodeLog, LOG_LEVELS, type Log, type LogLevel, type ReceivedLog } from "./log.js";
export {
  type DistinctElement,
  type MetricType,
  NUMBER_TYPES,
  type NumberMetric,
  type NumberType,
  type RawMetric,
  type ReceivedMetric,
  type ReceivedValue,
  SAMPLES_TYPE,
  type SetElement,
  type SetMetric,
  SKETCH_TYPE,
  type WeightedSample,
} from "./raw-metric.js";
export { decodeRawMetric, encodeRawMetric } from "./raw-metric-codec.js";
export { type KeyedMetric, RawMetricReader } from "./raw-metric-reader.js";
export type { Point, ReadyMetric, ReadyType } from "./ready-metric.js";
export { decodeReadyMetric, encodeReadyMetric } from "./ready-metric-codec.js";
export { decodeReadySketch, encodeReadySketch, type ReadySketch } from "./ready-sketch.js";
export { decodeRejected, encodeRejected, type Rejected } from "./rejected.js";
export type { Result } from "./result.js";
export {
  canonicalTags,
  contextKey,
  type SeriesIdentity,
  seriesIdentity,
  seriesKey,
} from "./series-identity.js";
export { MAX_SHARDS, shardOf } from "./shard.js";
export { bySignal, type Signal, type SignalRecords } from "./signals.js";
export {
  addToSketch,
  fromPlainSketch,
  MAX_BINS,
  mergeSketches,
  newSketch,
  type PlainSketch,
  type Sketch,
  sketchKey,
  sketchKeyValue,
  sketchQuantile,
  sortedBins,
  toPlainSketch,
} from "./sketch.js";
export { isTagList, NO_TAGS, type Tags, tagList, tagsByName } from "./tags.js";
export {
  type Milliseconds,
  milliseconds,
  type Seconds,
  seconds,
  toMilliseconds,
  toSeconds,
} from "./time.js";
