/** The kinds of records that are delivered, each from a queue, and with a loop and its own output. */
import type { EventRecord, ServiceCheck } from "./event.js";
import type { ReceivedLog } from "./log.js";
import type { ReadyMetric } from "./ready-metric.js";
import type { ReadySketch } from "./ready-sketch.js";

export interface SignalRecords {
  readonly metrics: ReadyMetric;
  readonly logs: ReceivedLog;
  readonly sketches: ReadySketch;
  readonly events: EventRecord;
  readonly checks: ServiceCheck;
}

export type Signal = keyof SignalRecords;

/** One for each signal, in the order in which people are shown them. */
export function bySignal<T>(make: (signal: Signal) => T): Readonly<Record<Signal, T>> {
  return {
    metrics: make("metrics"),
    logs: make("logs"),
    sketches: make("sketches"),
    events: make("events"),
    checks: make("checks"),
  };
}
