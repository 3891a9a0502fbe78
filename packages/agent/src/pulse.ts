/**
 * The pulse of a loop: whether it goes on, be it that whatever it tries fails.
 *
 * A loop takes one step after another: a call of the store, a batch for the output, a sleep. Each step ends in its
 * time, by an answer or a failure, and then the next one begins. A loop that has hung is in one step for ever. So an
 * outage of the store or the output is no hang, and neither is a backlog that takes hours.
 */
import type { Store } from "@chouette-iot/queue";
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import type { Clock } from "./clock.js";
import { MAX_REQUEST } from "./outputs/http.js";
import type { Output } from "./outputs/output.js";

/** A Redis that says nothing is given up after 15 s; a disk may take its time. Some flushes fit into it. */
export const LONGEST_STEP = milliseconds(60_000);
/** A batch is posted once or, with a key that is read anew, twice. */
export const LONGEST_BATCH = milliseconds(2 * MAX_REQUEST + LONGEST_STEP);

type Step<A extends readonly unknown[], R> = (...args: A) => Promise<R>;

export class Pulse {
  readonly #of: string;
  readonly #clock: Clock;
  #last: Milliseconds;
  /** By when the step under way has ended, unless the loop has hung. */
  #due: Milliseconds;

  /** @param of the loop, to begin a sentence */
  constructor(of: string, clock: Clock) {
    this.#of = of;
    this.#clock = clock;
    this.#last = clock.monotonic();
    this.#due = milliseconds(this.#last + LONGEST_STEP);
  }

  /** In words, where the loop has hung; undefined while it goes on. */
  hang(): string | undefined {
    const now = this.#clock.monotonic();
    if (now <= this.#due) return undefined;
    return `${this.#of} has made no progress for ${Math.round((now - this.#last) / 1000)} s`;
  }

  /** The clock, for the loop to sleep by. */
  clock(): Clock {
    const clock = this.#clock;
    return {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      sleep: (duration, signal) => {
        this.#stepInto(milliseconds(duration + LONGEST_STEP));
        return clock.sleep(duration, signal).finally(() => this.#stepInto(LONGEST_STEP));
      },
    };
  }

  /** The store, for the loop to work on. */
  store(store: Store): Store {
    return {
      get epoch() {
        return store.epoch;
      },
      append: this.#felt((queue, records) => store.append(queue, records)),
      read: this.#felt((queue, options) => store.read(queue, options)),
      strays: this.#felt((queue, limit) => store.strays(queue, limit)),
      settle: this.#felt((settlement) => store.settle(settlement)),
      size: this.#felt((queue) => store.size(queue)),
      notes: this.#felt((keys) => store.notes(keys)),
      notesUnder: this.#felt((prefix) => store.notesUnder(prefix)),
      counters: this.#felt(() => store.counters()),
      close: this.#felt(() => store.close()),
    };
  }

  /** The output, for the loop to send to. */
  output<T>(output: Output<T>): Output<T> {
    return {
      send: this.#felt((batch, signal) => output.send(batch, signal), LONGEST_BATCH),
      check: this.#felt((signal) => output.check(signal), LONGEST_BATCH),
      close: () => output.close(),
    };
  }

  /** The call, its begin and its end felt. */
  #felt<A extends readonly unknown[], R>(call: Step<A, R>, longest: Milliseconds = LONGEST_STEP): Step<A, R> {
    return (...args) => {
      this.#stepInto(longest);
      return call(...args).finally(() => this.#stepInto(LONGEST_STEP));
    };
  }

  #stepInto(longest: Milliseconds): void {
    this.#last = this.#clock.monotonic();
    this.#due = milliseconds(this.#last + longest);
  }
}
