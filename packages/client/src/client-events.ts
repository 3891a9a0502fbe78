/**
 * The events of a client: what went wrong and when.
 *
 * Promises: nobody has to listen; a listener that throws harms nobody; nothing is written to the console. An outage is
 * reported once when it begins and once when it ends, however many attempts there are in between. Listeners run in a
 * separate turn of the event loop, so that they may record and log: no step of the client is in progress then. Events
 * during the exit of the process aren't delivered.
 */

import { inNextTurn } from "@chouette-iot/record/host";
import type { Counters, Drop } from "./counters.js";
import type { SenderListener } from "./sender.js";
import type { SpillListener } from "./spill/spill.js";

export interface ClientEventListeners {
  /** An outage or a refusal has begun, or a setting can't be used. */
  error: (error: Error) => void;
  /** Accepted records were dropped. */
  drop: (reason: Drop, records: number) => void;
  connected: () => void;
  disconnected: (error: Error) => void;
}

export interface LastError {
  readonly message: string;
  readonly at: Date;
}

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
  /** The error that was reported last and isn't over. */
  #ongoingError: string | undefined;

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  on<E extends keyof ClientEventListeners>(event: E, listener: ClientEventListeners[E]): void {
    this.#listeners[event]?.add(listener);
  }

  off<E extends keyof ClientEventListeners>(event: E, listener: ClientEventListeners[E]): void {
    this.#listeners[event]?.delete(listener);
  }

  onConnected(): void {
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

  onSpillDropped(reason: "spill_full" | "spill_torn", records: number): void {
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
    // A new error: the driver's may carry an address with a password in it.
    this.#emit("error", new Error(message));
  }

  #emit<E extends keyof ClientEventListeners>(event: E, ...args: Parameters<ClientEventListeners[E]>): void {
    if (this.#listeners[event].size === 0) return;
    inNextTurn(() => {
      for (const listener of this.#listeners[event]) {
        safely(() => (listener as (...args: Parameters<ClientEventListeners[E]>) => void)(...args));
      }
    });
  }
}

function safely(call: () => void): void {
  try {
    call();
  } catch {
    // The listener's own failure: there is nobody to report it to.
  }
}
