/** The clock, passed in wherever it is needed, so that tests control the time. */
import { type Milliseconds, milliseconds, type Seconds, seconds } from "@chouette-iot/record";

export interface Clock {
  /** Unix time by the device's clock, which may be wrong or jump. */
  now(): Milliseconds;
  /** Time since an arbitrary start. Never jumps. */
  monotonic(): Milliseconds;
  /** Resolves after the duration, or as soon as the signal is aborted: check the signal to know which. */
  sleep(duration: Milliseconds, signal?: AbortSignal): Promise<void>;
}

/** A clock that shows an earlier time has not been set. This is before Chouette's first release. */
export const CLOCK_FLOOR = seconds(Date.UTC(2025, 0, 1) / 1000);
/** A later timestamp doesn't come from a clock. */
const CLOCK_CEILING = seconds(Date.UTC(2100, 0, 1) / 1000);
/**
 * For how long after the agent's start records from the future are accepted: right after a device's start its own clock
 * is more likely to be behind.
 */
const FUTURE_PATIENCE = milliseconds(600_000);

/** The latest timestamp that a record may have. Later ones would wait in their queue forever. */
export class FutureLimit {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #started: Milliseconds;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
    this.#started = clock.monotonic();
  }

  /** @param latest the limit by the current clock, in Unix time; it is applied from ten minutes after the start */
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
