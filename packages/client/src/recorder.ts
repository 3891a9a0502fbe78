/**
 * What records the calls of a client: the pipeline to a broker, or the memory of a test client.
 */
import type { SetElement } from "@chouette-iot/record";
import type { MetricContext } from "@chouette-iot/record/calls";
import type { ClientEvents, LastError } from "./client-events.js";
import type { Counters, Drop, Refusal } from "./counters.js";

export interface Recorder {
  readonly counters: Counters;
  readonly events: ClientEvents;
  readonly stats: ClientStats;
  /** Whether a context that isn't in this flush yet goes to its metric's overflow. */
  readonly isAtCardinalityLimit: boolean;
  /** A finite number, as of now. */
  number(context: MetricContext, value: number): Promise<boolean>;
  /** Elements of a set, as of now. */
  elements(context: MetricContext, elements: readonly SetElement[]): Promise<boolean>;
  /**
   * A record with its own timestamp.
   * @param value a number, or the elements of a set
   * @param timestamp seconds since the epoch
   */
  recordAt(
    context: MetricContext,
    value: number | readonly SetElement[],
    timestamp: number,
  ): Promise<boolean>;
  /** @param at milliseconds since the epoch */
  log(text: string, at: number): Promise<boolean>;
  /** An event or a service check. @param at milliseconds since the epoch */
  text(queue: "events" | "checks", text: string, at: number): Promise<boolean>;
  /** A call that can't be recorded. Answers false. @param message for the error event, in place of the reason's own */
  refuse(reason: Refusal, message?: string): Promise<boolean>;
  /** True when all that waits is stored or dropped, false if `timeoutMs` passed first. */
  flush(timeoutMs: number): Promise<boolean>;
  close(timeoutMs: number): Promise<void>;
}

/**
 * What a client and its children did so far:
 * accepted + recovered = aggregated + stored + buffered + spilled + the sum of dropped. */
export interface ClientStats {
  /** Calls that were accepted. */
  readonly accepted: number;
  /** Accepted calls that joined the record of an earlier call. */
  readonly aggregated: number;
  /** Accepted calls that went to an `overflow:true` context. */
  readonly overflowed: number;
  /** Calls that sampling left out, which are not among the accepted. */
  readonly sampledOut: number;
  /** Records that the broker said it has stored. */
  readonly stored: number;
  /** Records of an earlier process, found in the spill. */
  readonly recovered: number;
  /** Records that wait in the spill. */
  readonly spilled: number;
  /** Records that wait in memory, those being sent included. */
  readonly buffered: number;
  /** Accepted records that were dropped, by reason. */
  readonly dropped: Readonly<Record<Drop, number>>;
  /** Calls that were not accepted, by reason. */
  readonly refused: Readonly<Record<Refusal, number>>;
  readonly connected: boolean;
  /** How often an established connection has ended. */
  readonly disconnections: number;
  /** The last error, which may be over. */
  readonly lastError?: LastError;
  /** When the broker last said that it stored something. */
  readonly lastStored?: Date;
}
