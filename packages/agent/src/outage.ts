/** Outages: said once when they begin and once, with their length, when they end. */
import { StoreError } from "@chouette-iot/queue";
import { type Milliseconds, milliseconds, type Seconds, seconds } from "@chouette-iot/record";
import type { Clock } from "./clock.js";
import type { Log } from "./log.js";

/** What can be told of outages: how many there were, and of the one that is on. */
export interface OutageReport {
  readonly of: string;
  /** Since the agent's start, the one that is on included. */
  readonly count: number;
  readonly now?: { readonly reason: string; readonly lasting: Seconds };
}

export class Outage {
  readonly #of: string;
  readonly #clock: Clock;
  readonly #log: Log;
  #count = 0;
  #now: { readonly since: Milliseconds; readonly reason: string } | undefined;

  /** @param of what is out, to begin a sentence */
  constructor(of: string, clock: Clock, log: Log) {
    this.#of = of;
    this.#clock = clock;
    this.#log = log;
  }

  get isOn(): boolean {
    return this.#now !== undefined;
  }

  /** @param cause an exception that nobody expected, to be logged with its stack */
  begin(reason: string, cause?: unknown): void {
    if (this.#now !== undefined) return;
    this.#now = { since: this.#clock.monotonic(), reason };
    this.#count += 1;
    this.#log.warn(cause === undefined ? { reason } : { reason, err: cause }, `${this.#of} is out`);
  }

  end(): void {
    if (this.#now === undefined) return;
    const lasted = this.#lasting(this.#now.since);
    this.#now = undefined;
    this.#log.info({ seconds: lasted }, `${this.#of} is back`);
  }

  report(): OutageReport {
    const told = { of: this.#of, count: this.#count };
    if (this.#now === undefined) return told;
    const { reason, since } = this.#now;
    return { ...told, now: { reason, lasting: this.#lasting(since) } };
  }

  /** In whole seconds. */
  #lasting(since: Milliseconds): Seconds {
    const length = milliseconds(this.#clock.monotonic() - since);
    return seconds(Math.round(length / 1000));
  }
}

/** What a loop's failures are reported to. */
export interface LoopOutages {
  readonly store: Outage;
  /** Of the loop itself: a fault in Chouette, or in what it was given. */
  readonly own: Outage;
}

/** An exception that isn't the store's is never reported as the store's outage. */
export function beginOutage(error: unknown, { store, own }: LoopOutages): void {
  if (error instanceof StoreError) store.begin(error.message);
  else own.begin(error instanceof Error ? `${error.name}: ${error.message}` : String(error), error);
}

export function endOutages({ store, own }: LoopOutages): void {
  store.end();
  own.end();
}
