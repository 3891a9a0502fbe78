/**
 * Detects a hung loop. A loop whose every attempt fails is alive; one that never returns from a step is not.
 *
 * A loop takes one step after another: a call to the store, a batch for the output, a sleep. Each step has a deadline.
 * So neither an outage of the store or the output nor a backlog that takes hours counts as a stall.
 */
import type { Store } from "@chouette-iot/queue";
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import type { Clock } from "./clock.js";

/** Time limit of a step. Calls to a silent Redis time out after 15 s; a slow disk has time for several flushes. */
export const MAX_STEP = milliseconds(60_000);

type Step<A extends readonly unknown[], R> = (...args: A) => Promise<R>;

export class LoopWatchdog {
  readonly #loop: string;
  readonly #clock: Clock;
  #lastStep: Milliseconds;
  /** Deadline of the current step; past it the loop counts as hung. */
  #deadline: Milliseconds;

  /** @param loop its name, as the subject of a sentence */
  constructor(loop: string, clock: Clock) {
    this.#loop = loop;
    this.#clock = clock;
    this.#lastStep = clock.monotonic();
    this.#deadline = milliseconds(this.#lastStep + MAX_STEP);
  }

  /** A sentence if the loop has hung; undefined while it is alive. */
  stallReason(): string | undefined {
    const now = this.#clock.monotonic();
    if (now <= this.#deadline) return undefined;
    return `${this.#loop} has made no progress for ${Math.round((now - this.#lastStep) / 1000)} s`;
  }

  /** A clock whose sleeps are steps of the loop. */
  clock(): Clock {
    const clock = this.#clock;
    return {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      sleep: (duration, signal) => {
        this.#beginStep(milliseconds(duration + MAX_STEP));
        return clock.sleep(duration, signal).finally(() => this.#beginStep(MAX_STEP));
      },
    };
  }

  /** The store with every call as a step of the loop. */
  store(store: Store): Store {
    return {
      get epoch() {
        return store.epoch;
      },
      append: this.watched((queue, records) => store.append(queue, records)),
      read: this.watched((queue, options) => store.read(queue, options)),
      orphans: this.watched((queue, limit) => store.orphans(queue, limit)),
      settle: this.watched((settlement) => store.settle(settlement)),
      size: this.watched((queue) => store.size(queue)),
      state: this.watched((keys) => store.state(keys)),
      stateWithPrefix: this.watched((prefix) => store.stateWithPrefix(prefix)),
      counters: this.watched(() => store.counters()),
      close: this.watched(() => store.close()),
    };
  }

  /** The call as a step of the loop. @param limit after which the loop counts as hung */
  watched<A extends readonly unknown[], R>(call: Step<A, R>, limit: Milliseconds = MAX_STEP): Step<A, R> {
    return (...args) => {
      this.#beginStep(limit);
      return call(...args).finally(() => this.#beginStep(MAX_STEP));
    };
  }

  #beginStep(limit: Milliseconds): void {
    this.#lastStep = this.#clock.monotonic();
    this.#deadline = milliseconds(this.#lastStep + limit);
  }
}
