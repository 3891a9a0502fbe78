/**
 * What clients and the agent use of the machine they run on: timers, processes, backoff. Not in the
 * data model's entry point.
 */
export { type BackoffLimits, backoff } from "./host/backoff.js";
export { bootId, processExists } from "./host/processes.js";
export {
  type Deferred,
  deferred,
  holdProcess,
  inLoadContext,
  inNextTurn,
  monotonicNow,
  startInterval,
  startTimer,
  stopInterval,
  stopTimer,
  type Timer,
} from "./host/timers.js";
