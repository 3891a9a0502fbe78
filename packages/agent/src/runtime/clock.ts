/** Time, passed in wherever it is needed, so that a test can own it. */
import { type Milliseconds, milliseconds, type Seconds, seconds } from "@chouette-iot/record";

export interface Clock {
  /** The device's idea of the time: it may jump. */
  now(): Milliseconds;
  /** Runs on evenly, from an arbitrary start. */
  monotonic(): Milliseconds;
  /** Resolves after this long, or as soon as the signal is aborted: look at the signal to know which. */
  sleep(duration: Milliseconds, signal?: AbortSignal): Promise<void>;
}

/** A clock that shows less than this has not been set: it is before Chouette's first release. */
export const CLOCK_FLOOR = seconds(Date.UTC(2025, 0, 1) / 1000);
/** Later than any clock of a device shows: what is stamped with such a time was not stamped by a clock. */
const CLOCK_CEILING = seconds(Date.UTC(2100, 0, 1) / 1000);
/**
 * How long after its start the agent waits for the time of records that are in its future: right after a device's start
 * it is more likely that its own clock is behind.
 */
const FUTURE_PATIENCE = milliseconds(600_000);

/** Up to which time a record may be stamped; what is later can't wait for its time in a queue. */
export class FutureLimit {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #started: Milliseconds;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
    this.#started = clock.monotonic();
  }

  /** @param latest what the clock of now allows: it is applied ten minutes after the start */
  limit(latest: number): Seconds {
    const isApplied = this.#clock.monotonic() - this.#started >= FUTURE_PATIENCE;
    return seconds(isApplied ? latest : Math.max(latest, CLOCK_CEILING));
  }
}

export const systemClock: Clock = {
  now: () => milliseconds(Date.now()),
  monotonic: () => milliseconds(performance.now()),
  sleep: (duration, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, duration);
      signal?.addEventListener("abort", wake);
    }),
};
