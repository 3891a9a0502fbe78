/** The kinds of records that are delivered, each with its own queue, dispatch loop and output. */
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

/** A value for each signal, in the order of display. */
export function bySignal<T>(make: (signal: Signal) => T): Readonly<Record<Signal, T>> {
  return {
    metrics: make("metrics"),
    logs: make("logs"),
    sketches: make("sketches"),
    events: make("events"),
    checks: make("checks"),
  };
}
