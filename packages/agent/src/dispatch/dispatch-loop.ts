/**
 * Runs a dispatch every release interval, and retries after failures.
 *
 * An output that is unavailable is retried after a backoff. One that refuses the API key is sent no records: only the
 * key is checked, every minute, until it is accepted.
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
  /** Of the destination, capitalized as at the start of a sentence. */
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
   * Runs the step while the timestamps of stored records can be trusted and don't change. Returns undefined without running it
   * if the clock isn't set, or if records are still to be moved to the right time, which the flush loop does.
   */
  whileClockHolds<R>(step: () => Promise<R>): Promise<R | undefined>;
}

const BACKOFF = { first: milliseconds(1_000), max: milliseconds(64_000) };
/** Limit of an answer's Retry-After, which may be a mistake, or a captive portal's. */
const MAX_RETRY_AFTER = milliseconds(3_600_000);
const KEY_CHECK_INTERVAL = milliseconds(60_000);
const CLOCK_RETRY_AFTER = milliseconds(1_000);
const STORE_RETRY_AFTER = milliseconds(1_000);

export class DispatchLoop<T> {
  readonly #options: DispatchLoopOptions<T>;
  #failures = 0;
  /** The refusal of the API key; undefined unless it was refused last. */
  #held: SendFailure | undefined;
  #isRefusalLogged = false;
  #awake = false;
  #sleep = new AbortController();

  constructor(options: DispatchLoopOptions<T>) {
    this.#options = options;
  }

  /** Starts the next dispatch now, or right after the running one. A wait after a failure isn't cut short. */
  wake(): void {
    if (this.#failures > 0 || this.#held !== undefined) return;
    this.#awake = true;
    this.#sleep.abort();
  }

  /** Resolves when the signal is aborted and the running dispatch has ended. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", () => this.#sleep.abort());
    while (!signal.aborted) {
      this.#awake = false;
      const wait = await this.#options.whileClockHolds(() => this.#dispatch(signal));
      if (this.#awake) continue;
      this.#sleep = new AbortController();
      if (!signal.aborted) await this.#options.clock.sleep(wait ?? CLOCK_RETRY_AFTER, this.#sleep.signal);
    }
  }

  /** Returns how long to wait before the next. */
  async #dispatch(signal: AbortSignal): Promise<Milliseconds> {
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
    // The agent is stopping: not a failure of the output.
    if (signal.aborted) return milliseconds(0);
    const { name, log, outputOutage } = this.#options;
    outputOutage.begin(failure.reason);
    if (failure.kind === "unauthorized") {
      this.#held = failure;
      // A key may pass the check and still be refused, again and again: log that once.
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
