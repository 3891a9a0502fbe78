export {
  type Decoded,
  decodeLog,
  decodeRawMetric,
  decodeReadyMetric,
  encodeRawMetric,
  encodeReadyMetric,
} from "./codec.js";
export { contextKey } from "./context-key.js";
export { LOG_LEVELS, type Log, type LogLevel, type ReceivedLog } from "./log.js";
export {
  type MetricType,
  NUMBER_TYPES,
  type NumberMetric,
  type NumberType,
  type RawMetric,
  type SetElement,
  type SetMetric,
} from "./raw-metric.js";
export { type KeyedMetric, RawMetricReader } from "./raw-metric-reader.js";
export type { Point, ReadyMetric, ReadyType } from "./ready-metric.js";
export { decodeRejected, encodeRejected, type Rejected } from "./rejected.js";
export { NO_TAGS, type Tags, tagList, tagsKey } from "./tags.js";
export {
  type Milliseconds,
  milliseconds,
  type Seconds,
  seconds,
  toMilliseconds,
  toSeconds,
} from "./time.js";
