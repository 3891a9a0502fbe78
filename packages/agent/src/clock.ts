/** Time, passed in wherever it is needed, so that a test can own it. */
import { type Milliseconds, milliseconds } from "@chouette-iot/record";

export interface Clock {
  /** The device's idea of the time: it may jump. */
  now(): Milliseconds;
  /** Runs on evenly, from an arbitrary start. */
  monotonic(): Milliseconds;
  /** Resolves after this long, or as soon as the signal is aborted: look at the signal to know which. */
  sleep(duration: Milliseconds, signal?: AbortSignal): Promise<void>;
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
