/**
 * The events of a client: connections, errors and drops.
 *
 * Promises: listeners are optional; one that throws affects nothing else; nothing is written to the console. An outage is
 * reported once when it begins and once when it ends, however many attempts there are in between. Listeners run in a
 * separate turn of the event loop, never in the middle of the client's own work, so they may record and log. Events during
 * the exit of the process aren't delivered.
 */

import { inNextTurn } from "@chouette-iot/record/host";
import type { Counters, Drop, Refusal } from "./counters.js";
import type { SenderListener } from "./sender-listener.js";
import type { SpillListener } from "./spill/spill-options.js";

export interface ClientEventListeners {
  /** An outage or refusal has begun, a setting is invalid, or calls are refused; once for each reason. */
  error: (error: Error) => void;
  /** Accepted records were dropped, or calls were refused. */
  drop: (reason: Drop | Refusal, records: number) => void;
  connected: () => void;
  disconnected: (error: Error) => void;
}

export interface LastError {
  readonly message: string;
  readonly at: Date;
}

const REFUSALS: Readonly<Record<Refusal, string>> = {
  invalid_metric: "a call was refused: nothing of its metric's name is valid",
  invalid_value: "a call was refused: its value should be a finite number, or the elements of a set",
  invalid_timestamp: "a call was refused: its timestamp should be a Date, or seconds since 1970",
  invalid_tags: "a call was refused: its tags can't be read",
  invalid_log: "a log was refused: it can't be written as JSON, or its time is invalid",
  closed: "a call was refused: the client is closed",
};

type Listeners = { readonly [E in keyof ClientEventListeners]: Set<ClientEventListeners[E]> };

export class ClientEvents implements SenderListener, SpillListener {
  readonly #counters: Counters;
  readonly #listeners: Listeners = {
    error: new Set(),
    drop: new Set(),
    connected: new Set(),
    disconnected: new Set(),
  };
  connected = false;
  lastError: LastError | undefined;
  /** Milliseconds since the epoch. */
  lastStored: number | undefined;
  /** Reasons of refused calls that have been reported. */
  readonly #reportedRefusals = new Set<Refusal>();
  /** Refused calls of the current turn, which are reported together. */
  readonly #refusedNow = new Map<Refusal, number>();
  #isEmitting = false;
  /** The last reported error, while it lasts. */
  #ongoingError: string | undefined;

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  on<E extends keyof ClientEventListeners>(event: E, listener: ClientEventListeners[E]): void {
    if (Object.hasOwn(this.#listeners, event)) this.#listeners[event].add(listener);
  }

  off<E extends keyof ClientEventListeners>(event: E, listener: ClientEventListeners[E]): void {
    if (Object.hasOwn(this.#listeners, event)) this.#listeners[event].delete(listener);
  }

  onConnected(): void {
    if (this.connected) return;
    this.connected = true;
    this.#emit("connected");
  }

  onDisconnected(error: Error): void {
    if (this.connected) {
      this.connected = false;
      this.#counters.disconnections++;
      this.#emit("disconnected", error);
    }
    this.onError(error);
  }

  onRefused(error: Error): void {
    this.onError(error);
  }

  onStored(records: number): void {
    this.#counters.stored += records;
    this.lastStored = Date.now();
    this.#ongoingError = undefined;
  }

  onDropped(reason: Drop, records: number): void {
    this.#counters.dropped[reason] += records;
    this.#emit("drop", reason, records);
  }

  /** Calls may be refused many times a second: emits one event per reason and turn of the event loop. */
  onCallRefused(reason: Refusal, message = REFUSALS[reason]): void {
    this.#counters.refused[reason]++;
    if (!this.#reportedRefusals.has(reason)) {
      this.#reportedRefusals.add(reason);
      this.lastError = { message, at: new Date() };
      this.#emit("error", new Error(message));
    }
    // A listener whose own calls are refused would trigger itself endlessly.
    if (this.#isEmitting || this.#listeners.drop.size === 0) return;
    if (this.#refusedNow.size === 0) inNextTurn(() => this.#emitRefused());
    this.#refusedNow.set(reason, (this.#refusedNow.get(reason) ?? 0) + 1);
  }

  onSpillDropped(reason: "spill_full" | "spill_torn" | "spill_lost", records: number): void {
    this.onDropped(reason, records);
  }

  onRecovered(records: number): void {
    this.#counters.recovered += records;
  }

  /** Emitted once, until something is stored again or another error occurs. */
  onError({ message }: Error): void {
    this.lastError = { message, at: new Date() };
    if (message === this.#ongoingError) return;
    this.#ongoingError = message;
    // A new error, without the original's other fields, which may contain a password.
    this.#emit("error", new Error(message));
  }

  #emit<E extends keyof ClientEventListeners>(event: E, ...args: Parameters<ClientEventListeners[E]>): void {
    if (this.#listeners[event].size === 0) return;
    inNextTurn(() => this.#call(event, args));
  }

  #emitRefused(): void {
    const refused = [...this.#refusedNow];
    this.#refusedNow.clear();
    for (const args of refused) this.#call("drop", args);
  }

  #call<E extends keyof ClientEventListeners>(event: E, args: Parameters<ClientEventListeners[E]>): void {
    this.#isEmitting = true;
    for (const listener of this.#listeners[event]) {
      safely(() => (listener as (...args: Parameters<ClientEventListeners[E]>) => void)(...args));
    }
    this.#isEmitting = false;
  }
}

function safely(call: () => void): void {
  try {
    call();
  } catch {
    // There is nobody to report a listener's failure to.
  }
}
