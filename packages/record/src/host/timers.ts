/**
 * What a client uses of its host, as it was when the module was loaded: timers, the monotonic clock, and an async context.
 *
 * Promises: test runners may replace the global timers by fake ones, and jsdom's and Electron's may return numbers; neither
 * changes anything here. What the client does later runs in the async context in which it was loaded, so that it keeps no
 * request's AsyncLocalStorage store alive, and no listener runs in one. Only `holdProcess` keeps the process alive.
 */
import { AsyncResource } from "node:async_hooks";
import { performance } from "node:perf_hooks";
import timers from "node:timers";

// Not as imported bindings: fake timers change those, too.
const { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval } = timers;

export type Timer = NodeJS.Timeout;

/** Node's limit of a delay in milliseconds: it turns longer ones into 1 ms. */
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

/** A promise that keeps no store of the caller's, however long it is kept itself. */
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

/** @param delay milliseconds; more than 24 days count as 24 days */
export function startTimer(run: () => void, delay: number): Timer {
  return inLoadContext(() => setTimeout(run, delayOf(delay)).unref());
}

/** @param interval milliseconds */
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
