/**
 * The life of one simulated process: it may be paused, be cut off from the store, and die between any two steps.
 *
 * A dead process is one whose calls never return, so none of its code continues or ends.
 */

import { type Settlement, type Store, StoreError } from "@chouette-iot/queue";
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import type { Clock } from "../../packages/agent/src/runtime/clock.js";
import type { ModelClock } from "./model-clock.js";
import type { FaultKind } from "./operations.js";
import type { WatchedStore } from "./watched-store.js";

export interface Fault {
  readonly on: "settle" | "any";
  skip: number;
  readonly how: FaultKind;
}

/** What all processes on a device share. */
export interface Surroundings {
  readonly clock: ModelClock;
  readonly watched: WatchedStore;
  /** Of those that wait for their call, the first that fits is taken. */
  readonly faults: Fault[];
  /** How long a call of the store takes. */
  storeLatency: Milliseconds;
  /** Something went wrong after which a log may rightly be sent twice. */
  onDoubt(): void;
}

const LATE = milliseconds(3_000);

export class ProcessLife {
  readonly #around: Surroundings;
  #isAlive = true;
  #cutUntil = 0;
  #frozenUntil = 0;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  kill(): void {
    this.end();
    this.#around.onDoubt();
  }

  /** A clean exit. */
  end(): void {
    this.#isAlive = false;
  }

  cut(seconds: number): void {
    this.#cutUntil = this.#around.clock.monotonic() + 1000 * seconds;
    this.#around.onDoubt();
  }

  freeze(seconds: number): void {
    this.#frozenUntil = this.#around.clock.monotonic() + 1000 * seconds;
    this.#around.onDoubt();
  }

  /** Ends what was to last longer. */
  mend(): void {
    this.#cutUntil = 0;
    this.#frozenUntil = 0;
  }

  /** Resolves when the process can go on: never, if it is dead. */
  async goOn(): Promise<void> {
    const { clock } = this.#around;
    for (;;) {
      if (!this.#isAlive) return new Promise(() => {});
      const wait = this.#frozenUntil - clock.monotonic();
      if (wait <= 0) return;
      await clock.sleep(milliseconds(Math.min(wait, 1000)));
    }
  }

  clock(): Clock {
    const { clock } = this.#around;
    return {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      sleep: async (duration, signal) => {
        await clock.sleep(duration, signal);
        await this.goOn();
      },
    };
  }

  /** The store as this process reaches it. */
  store(): Store {
    const { watched } = this.#around;
    const call = <T>(step: () => Promise<T>) => this.#call("any", step);
    return {
      get epoch() {
        return watched.epoch;
      },
      append: (queue, records) => call(() => watched.store.append(queue, records)),
      read: (queue, options) => call(() => watched.store.read(queue, options)),
      orphans: (queue, limit) => call(() => watched.store.orphans(queue, limit)),
      settle: (settlement: Settlement) => this.#call("settle", () => watched.settle(settlement)),
      size: (queue) => call(() => watched.store.size(queue)),
      state: (keys) => call(() => watched.store.state(keys)),
      stateWithPrefix: (prefix) => call(() => watched.store.stateWithPrefix(prefix)),
      counters: () => call(() => watched.store.counters()),
      close: async () => {},
    };
  }

  async #call<T>(kind: Fault["on"], step: () => Promise<T>): Promise<T> {
    const { clock, storeLatency, onDoubt } = this.#around;
    await this.goOn();
    if (storeLatency > 0) await clock.sleep(storeLatency);
    await this.goOn();
    if (clock.monotonic() < this.#cutUntil) throw new StoreError("connect ECONNREFUSED");
    const how = this.#takeFault(kind);
    if (how !== undefined) onDoubt();
    if (how === "kill before") this.kill();
    if (how === "refused" || how === "late") {
      if (how === "late")
        void clock
          .sleep(LATE)
          .then(() => clock.holding(step()))
          .catch(() => {});
      throw new StoreError("the connection broke");
    }
    await this.goOn();
    const result = await clock.holding(step());
    if (how === "kill after") this.kill();
    if (storeLatency > 0) await clock.sleep(storeLatency);
    await this.goOn();
    if (how === "lost") throw new StoreError("the connection broke before the answer");
    return result;
  }

  #takeFault(kind: Fault["on"]): FaultKind | undefined {
    const { faults } = this.#around;
    const index = faults.findIndex(({ on }) => on === "any" || on === kind);
    const fault = faults[index];
    if (fault === undefined) return undefined;
    if (fault.skip > 0) {
      fault.skip -= 1;
      return undefined;
    }
    faults.splice(index, 1);
    return fault.how;
  }
}
