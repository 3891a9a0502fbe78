/**
 * Timers, the monotonic clock and the async context, captured when the module is loaded.
 *
 * Promises: fake timers of a test runner change nothing here, nor do jsdom's and Electron's, which return numbers.
 * Callbacks run in the async context of the load, so they keep no request's AsyncLocalStorage store alive and no listener
 * runs in one. Only `holdProcess` keeps the process alive.
 */
import { AsyncResource } from "node:async_hooks";
import { performance } from "node:perf_hooks";
import timers from "node:timers";

// Copied, since fake timers replace imported bindings as well.
const { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval } = timers;

export type Timer = NodeJS.Timeout;

/** Node's longest delay in milliseconds: it turns longer ones into 1 ms. */
const MAX_DELAY_MS = 2 ** 31 - 1;

const loadContext = new AsyncResource("chouette-iot-client", { requireManualDestroy: true });

/** Calls the function in the async context in which the client was loaded. */
export function inLoadContext<R>(run: () => R): R {
  return loadContext.runInAsyncScope(run);
}

export interface Deferred {
  readonly promise: Promise<boolean>;
  readonly resolve: (value: boolean | Promise<boolean>) => void;
}

/** A promise that doesn't keep the caller's AsyncLocalStorage store alive. */
export function deferred(): Deferred {
  return inLoadContext(() => {
    let resolve: Deferred["resolve"] = () => {};
    const promise = new Promise<boolean>((given) => {
      resolve = given;
    });
    return { promise, resolve };
  });
}

/** Milliseconds of the monotonic clock. */
export const monotonicNow: () => number = performance.now.bind(performance);

/** Runs once. @param delay milliseconds; more than 24 days count as 24 days */
export function startTimer(run: () => void, delay: number): Timer {
  return inLoadContext(() => setTimeout(run, delayOf(delay)).unref());
}

/** Runs repeatedly. @param interval milliseconds */
export function startInterval(run: () => void, interval: number): Timer {
  return inLoadContext(() => setInterval(run, delayOf(interval)).unref());
}

/** Runs in a later turn of the event loop. */
export function inNextTurn(run: () => void): void {
  inLoadContext(() => setImmediate(run).unref());
}

/** A timer that keeps the process alive. @param delay milliseconds */
export function holdProcess(delay: number, run: () => void): Timer {
  return inLoadContext(() => setTimeout(run, delayOf(delay)));
}

export function stopTimer(timer: Timer | undefined): void {
  clearTimeout(timer);
}

export function stopInterval(timer: Timer | undefined): void {
  clearInterval(timer);
}

function delayOf(delay: number): number {
  return Math.min(delay, MAX_DELAY_MS);
}
