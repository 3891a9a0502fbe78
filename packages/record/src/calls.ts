/**
 * Calls that become raw records: what the client and the agent's DogStatsD listener share. An entry point of its own, so
 * that who only reads records doesn't load it.
 */
export { Aggregator, type CallCounters, type StoreRecord } from "./calls/aggregator.js";
export { Metric, type MetricContext } from "./calls/metric-context.js";
export { ClockText, recordText } from "./calls/record-text.js";
