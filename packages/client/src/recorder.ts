/** The recorder of a client's calls: the pipeline to a broker, or the memory of a test client. */
import type { SetElement } from "@chouette-iot/record";
import type { MetricContext } from "@chouette-iot/record/calls";
import type { ClientEvents, LastError } from "./client-events.js";
import type { Counters, Refusal } from "./counters.js";

/** All its promises resolve like a client's calls, and never reject. */
export interface Recorder {
  readonly counters: Counters;
  readonly events: ClientEvents;
  readonly stats: ClientStats;
  /** Whether a new context would be recorded as overflow. */
  readonly isAtCardinalityLimit: boolean;
  /** Records a finite number, with the current time. */
  number(context: MetricContext, value: number): Promise<boolean>;
  /** Records elements of a set, with the current time. */
  elements(context: MetricContext, elements: readonly SetElement[]): Promise<boolean>;
  /**
   * Records a call with its own timestamp.
   * @param value a number, or the elements of a set
   * @param timestamp seconds since the epoch
   */
  recordAt(
    context: MetricContext,
    value: number | readonly SetElement[],
    timestamp: number,
  ): Promise<boolean>;
  /** Records a log. @param at milliseconds since the epoch */
  log(text: string, at: number): Promise<boolean>;
  /** Records an event or a service check. @param at milliseconds since the epoch */
  text(queue: "events" | "checks", text: string, at: number): Promise<boolean>;
  /** Counts and reports an invalid call. Resolves to false. @param message for the error event; the reason's own by default */
  refuse(reason: Refusal, message?: string): Promise<boolean>;
  /** True once all records are stored or dropped, false if `timeoutMs` passes first. */
  flush(timeoutMs: number): Promise<boolean>;
  close(timeoutMs: number): Promise<void>;
}

/**
 * Counters and state of a client and its children. At any time
 * accepted + recovered = aggregated + stored + buffered + spilled + the sum of dropped.
 */
export interface ClientStats extends Readonly<Counters> {
  /** Records that wait in the spill. */
  readonly spilled: number;
  /** Records that wait in memory, including those being sent. */
  readonly buffered: number;
  readonly connected: boolean;
  /** The last error, which may have been resolved since. */
  readonly lastError?: LastError;
  /** Time of the broker's last confirmation. */
  readonly lastStored?: Date;
}
