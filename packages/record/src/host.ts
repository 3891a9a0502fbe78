/** What clients and agents use of the host that they run on, beside the data model: timers, processes, and how long to wait for it. */
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
