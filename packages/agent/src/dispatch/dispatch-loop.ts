/**
 * Dispatch at every release, and what to do between two of them when the output isn't there.
 *
 * An output that is unavailable is tried again after a backoff, one that doesn't accept the key is asked, not
 * sent to, until it does.
 */
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import { backoff } from "@chouette-iot/record/host";
import type { Output } from "../outputs/output.js";
import type { Clock } from "../runtime/clock.js";
import type { Log } from "../runtime/log.js";
import { beginOutage, endOutages, type LoopOutages, type Outage } from "../runtime/outage.js";
import type { SendFailure } from "./delivery.js";
import type { Dispatcher } from "./dispatcher.js";

export interface DispatchLoopOptions<T> {
  /** Where the records go, to begin a sentence. */
  readonly name: string;
  readonly dispatcher: Dispatcher<T>;
  readonly output: Output<T>;
  readonly clock: Clock;
  readonly log: Log;
  readonly releaseInterval: Milliseconds;
  /** Of the store and of the dispatch itself. */
  readonly loopOutages: LoopOutages;
  readonly outputOutage: Outage;
  /**
   * Does the step while the times of what is stored can be gone by and stay as they are. Undefined if they can't now,
   * since the clock isn't set or records are yet to be moved to the right time: the flush's loop sees to that.
   */
  whileClockHolds<R>(step: () => Promise<R>): Promise<R | undefined>;
}

const BACKOFF = { first: milliseconds(1_000), max: milliseconds(64_000) };
/** Whatever an answer asks for: it may be a mistake, or a portal's. */
const MAX_RETRY_AFTER = milliseconds(3_600_000);
const KEY_CHECK_INTERVAL = milliseconds(60_000);
const CLOCK_RETRY_AFTER = milliseconds(1_000);
const STORE_RETRY_AFTER = milliseconds(1_000);

export class DispatchLoop<T> {
  readonly #options: DispatchLoopOptions<T>;
  #failures = 0;
  /** Why the key isn't used; undefined while it is accepted or not known not to be. */
  #held: SendFailure | undefined;
  #isRefusalLogged = false;
  #awake = false;
  #sleep = new AbortController();

  constructor(options: DispatchLoopOptions<T>) {
    this.#options = options;
  }

  /** Has the next dispatch begin immediately, or right after the one under way; a failed output's wait is kept. */
  wake(): void {
    if (this.#failures > 0 || this.#held !== undefined) return;
    this.#awake = true;
    this.#sleep.abort();
  }

  /** Resolves when the signal is aborted and the dispatch under way is done or given up. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", () => this.#sleep.abort());
    while (!signal.aborted) {
      this.#awake = false;
      const wait = await this.#dispatchOnce(signal);
      if (this.#awake) continue;
      this.#sleep = new AbortController();
      if (!signal.aborted) await this.#options.clock.sleep(wait, this.#sleep.signal);
    }
  }

  /** How long to wait for the next. */
  async #dispatchOnce(signal: AbortSignal): Promise<Milliseconds> {
    const wait = await this.#options.whileClockHolds(() => this.#dispatchNow(signal));
    return wait ?? CLOCK_RETRY_AFTER;
  }

  async #dispatchNow(signal: AbortSignal): Promise<Milliseconds> {
    const { dispatcher, loopOutages, log, releaseInterval, clock } = this.#options;
    const started = clock.monotonic();
    try {
      if (this.#held !== undefined && !(await this.#isAccepted(signal))) {
        await dispatcher.countBytes();
        await dispatcher.expire();
        return KEY_CHECK_INTERVAL;
      }
      const { failure, ...dispatched } = await dispatcher.dispatch(signal);
      endOutages(loopOutages);
      if (dispatched.delivered + dispatched.rejected + dispatched.expired > 0)
        log.info(dispatched, "dispatched");
      if (failure !== undefined) return this.#onFailure(failure, signal);
    } catch (error) {
      if (!signal.aborted) beginOutage(error, loopOutages);
      return STORE_RETRY_AFTER;
    }
    this.#failures = 0;
    this.#isRefusalLogged = false;
    this.#options.outputOutage.end();
    const took = clock.monotonic() - started;
    return milliseconds(Math.max(0, releaseInterval - took));
  }

  #onFailure(failure: SendFailure, signal: AbortSignal): Milliseconds {
    // Given up by the agent's own end: the output is not to blame.
    if (signal.aborted) return milliseconds(0);
    const { name, log, outputOutage } = this.#options;
    outputOutage.begin(failure.reason);
    if (failure.kind === "unauthorized") {
      this.#held = failure;
      // The key may be valid and yet be refused, again and again: that is said once.
      if (!this.#isRefusalLogged) {
        log.error(
          { reason: failure.reason },
          `${name} refuses the API key: nothing is sent until the key is accepted`,
        );
      }
      this.#isRefusalLogged = true;
      return KEY_CHECK_INTERVAL;
    }
    this.#failures += 1;
    const asked = Math.min(failure.retryAfter ?? 0, MAX_RETRY_AFTER);
    return milliseconds(Math.max(backoff(this.#failures, BACKOFF), asked));
  }

  async #isAccepted(signal: AbortSignal): Promise<boolean> {
    const { kind } = await this.#options.output.check(signal);
    if (kind === "delivered") this.#held = undefined;
    return kind === "delivered";
  }
}
