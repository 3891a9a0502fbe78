/**
 * Outages: each is logged once when it begins and once, with its length, when it ends.
 *
 * A component is `unavailable` if it is beyond Chouette's control (a server, a disk), and `failing` if it is a loop or
 * a collector of the agent. A store that has reached its limit is `full`.
 */
import { StoreError } from "@chouette-iot/queue";
import { type Milliseconds, milliseconds, type Seconds, seconds } from "@chouette-iot/record";
import type { Clock } from "./clock.js";
import type { Log } from "./log.js";

export type OutageState = "unavailable" | "failing" | "full";

/** A component's outages: their number, and the current one. */
export interface OutageReport {
  readonly component: string;
  readonly state: OutageState;
  /** Since the agent's start, including the current one. */
  readonly count: number;
  /** Undefined while the component works. */
  readonly current?: { readonly reason: string; readonly seconds: Seconds };
}

const MESSAGES: Readonly<Record<OutageState, (component: string, reason: string) => string>> = {
  unavailable: (component, reason) =>
    // The Redis engine's errors already begin with the server's address.
    `${reason.startsWith("Redis at ") ? "" : `${component} is unavailable: `}${reason}; retrying`,
  failing: (component, reason) => `${component} failed: ${reason}`,
  full: (component, reason) => `${component} is full: ${reason}`,
};

/** Makes the outage of a component. */
export type NewOutage = (component: string, state?: OutageState) => Outage;

export class Outage {
  readonly #component: string;
  readonly #state: OutageState;
  readonly #clock: Clock;
  readonly #log: Log;
  /** The outage that this is a part of. */
  #whole: Outage | undefined;
  /** Its parts that are on. */
  readonly #parts = new Set<Outage>();
  #count = 0;
  #current: { readonly since: Milliseconds; readonly reason: string } | undefined;

  /**
   * @param component as people know it, such as `Datadog` or `collector docker`
   * @param state of the component during an outage
   */
  constructor(component: string, clock: Clock, log: Log, state: OutageState = "unavailable") {
    this.#component = component;
    this.#state = state;
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * An outage that is a part of this one, of one shard for example. This one begins with the first of its parts and ends
   * with the last; the parts aren't logged.
   */
  part(): Outage {
    const part = new Outage(this.#component, this.#clock, this.#log, this.#state);
    part.#whole = this;
    return part;
  }

  get isOn(): boolean {
    return this.#current !== undefined;
  }

  /** @param cause an unexpected exception, to be logged with its stack */
  begin(reason: string, cause?: unknown): void {
    if (this.#current !== undefined) return;
    this.#current = { since: this.#clock.monotonic(), reason };
    this.#count += 1;
    if (this.#whole !== undefined) {
      this.#whole.#parts.add(this);
      this.#whole.begin(reason, cause);
      return;
    }
    const fields = { component: this.#component, reason };
    this.#log.warn(
      cause === undefined ? fields : { ...fields, err: cause },
      MESSAGES[this.#state](this.#component, reason),
    );
  }

  end(): void {
    if (this.#current === undefined) return;
    const length = this.#secondsSince(this.#current.since);
    this.#current = undefined;
    if (this.#whole !== undefined) {
      this.#whole.#parts.delete(this);
      if (this.#whole.#parts.size === 0) this.#whole.end();
      return;
    }
    this.#log.info(
      { component: this.#component, seconds: length },
      `${this.#component} recovered after ${length} s`,
    );
  }

  report(): OutageReport {
    const report = { component: this.#component, state: this.#state, count: this.#count };
    if (this.#current === undefined) return report;
    const { reason, since } = this.#current;
    return { ...report, current: { reason, seconds: this.#secondsSince(since) } };
  }

  /** Rounded to whole seconds. */
  #secondsSince(since: Milliseconds): Seconds {
    const length = milliseconds(this.#clock.monotonic() - since);
    return seconds(Math.round(length / 1000));
  }
}

/** The outages that a loop's failures are reported to. */
export interface LoopOutages {
  readonly store: Outage;
  /** Of the loop itself: a bug in Chouette, or in a module of the user. */
  readonly own: Outage;
}

/** Reports a store error as the store's outage, and any other exception as the loop's own. */
export function beginOutage(error: unknown, { store, own }: LoopOutages): void {
  if (error instanceof StoreError) store.begin(error.message);
  else own.begin(error instanceof Error ? `${error.name}: ${error.message}` : String(error), error);
}

export function endOutages({ store, own }: LoopOutages): void {
  store.end();
  own.end();
}
