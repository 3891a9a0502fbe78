/**
 * Watching a client: what went wrong and when, told once by event, to whoever listens.
 *
 * Promises: nobody has to listen; a listener that throws harms nobody; nothing is written to the console. An outage is
 * told once when it begins and once when it ends, however many attempts lie between. Listeners run in a turn of the event
 * loop of their own, so that they may record and log: no step of the client is under way then. Events that come
 * while the process exits aren't heard.
 */
import type { Counters, Drop } from "./counters.js";
import type { SenderListener } from "./sender.js";
import type { SpillListener } from "./spill/spill.js";

export interface ClientEvents {
  /** An outage or a refusal has begun, or a setting can't be used. */
  error: (error: Error) => void;
  /** Accepted records were let go. */
  drop: (reason: Drop, records: number) => void;
  connected: () => void;
  disconnected: (error: Error) => void;
}

export interface LastError {
  readonly message: string;
  readonly at: Date;
}

type Listeners = { readonly [E in keyof ClientEvents]: Set<ClientEvents[E]> };

export class Watch implements SenderListener, SpillListener {
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
  /** What was told of the trouble that lasts. */
  #trouble: string | undefined;

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  on<E extends keyof ClientEvents>(event: E, listener: ClientEvents[E]): void {
    this.#listeners[event]?.add(listener);
  }

  off<E extends keyof ClientEvents>(event: E, listener: ClientEvents[E]): void {
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
    this.#trouble = undefined;
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

  /** Told once, until something is stored again or something else goes wrong. */
  onError({ message }: Error): void {
    this.lastError = { message, at: new Date() };
    if (message === this.#trouble) return;
    this.#trouble = message;
    // A new error: the driver's may carry an address with a password in it.
    this.#emit("error", new Error(message));
  }

  #emit<E extends keyof ClientEvents>(event: E, ...args: Parameters<ClientEvents[E]>): void {
    if (this.#listeners[event].size === 0) return;
    setImmediate(() => {
      for (const listener of this.#listeners[event]) {
        safely(() => (listener as (...args: Parameters<ClientEvents[E]>) => void)(...args));
      }
    });
  }
}

function safely(call: () => void): void {
  try {
    call();
  } catch {
    // A listener's own failure is not the client's, and there is nobody to tell it to.
  }
}
