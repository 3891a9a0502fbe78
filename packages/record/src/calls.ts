/**
 * Turns calls into raw records, for the client and for the agent's DogStatsD listener. A separate entry point: programs
 * that only read records don't load it.
 */
export { Aggregator, type CallCounters, type StoreRecord } from "./calls/aggregator.js";
export { Metric, type MetricContext } from "./calls/metric-context.js";
export { ClockText, recordText } from "./calls/record-text.js";
