/**
 * Timings: durations on the monotonic clock, recorded as a histogram.
 *
 * `timed(…)` starts a timing. It can be disposed of (`using`), can `run` or `wrap` a function, and is a standard or legacy
 * decorator. Failures are timed as well, and their errors pass through unchanged.
 */
import { isPromise } from "node:util/types";
import type { TagInput } from "./tag-input.js";

export interface TimedOptions<Tag extends string = string> {
  readonly tags?: TagInput<Tag> | null | undefined;
  /** Records whole milliseconds instead of seconds. */
  readonly useMs?: boolean;
}

/** Records one sample. */
export type Observe = (value: number) => void;

// biome-ignore lint/suspicious/noExplicitAny: TypeScript has no other type for any function
export type AnyFunction = (this: any, ...args: any[]) => any;

export interface Timed extends Disposable, AsyncDisposable {
  /** Ends the timing that `timed(…)` started; a second call does nothing. Returns the duration in seconds. */
  stop(): number;
  /** Calls the function now, times it, and returns its result. */
  run<R>(fn: () => R): R;
  /** A function with the same `this`, name, arguments and result, whose calls are timed. */
  wrap<F extends AnyFunction>(fn: F): F;
  /** The standard decorator of a method or a getter. */
  <F extends AnyFunction>(method: F, context: ClassMethodDecoratorContext | ClassGetterDecoratorContext): F;
  /** The legacy decorator of a method or a getter (`experimentalDecorators`). */
  (target: object, name: string | symbol, descriptor: PropertyDescriptor): void;
}

/** @param useMs whether `observe` gets whole milliseconds instead of seconds */
export function startTimed(useMs: boolean, observe: Observe): Timed {
  const begun = performance.now();
  let ended: number | undefined;
  const stop = () => {
    ended ??= send(begun);
    return ended;
  };
  const send = (from: number): number => {
    const took = performance.now() - from;
    observe(useMs ? Math.round(took) : took / 1000);
    return took / 1000;
  };
  const wrap = <F extends AnyFunction>(fn: F): F => wrapFunction(fn, send);
  const decorate = (target: unknown, _context: unknown, descriptor?: PropertyDescriptor) => {
    // Anything else, such as a field, is unchanged.
    if (descriptor === undefined)
      return typeof target === "function" ? wrap(target as AnyFunction) : undefined;
    if (typeof descriptor.value === "function") descriptor.value = wrap(descriptor.value);
    else if (descriptor.get !== undefined) descriptor.get = wrap(descriptor.get);
    return undefined;
  };
  return Object.assign(decorate, {
    stop,
    wrap,
    run: <R>(fn: () => R): R => wrap(fn)(),
    [Symbol.dispose]: () => {
      stop();
    },
    [Symbol.asyncDispose]: async () => {
      stop();
    },
  }) as Timed;
}

function wrapFunction<F extends AnyFunction>(fn: F, send: (from: number) => void): F {
  const wrapped = wrapperFor(fn, send);
  Object.defineProperty(wrapped, "name", { value: fn.name, configurable: true });
  Object.defineProperty(wrapped, "length", { value: fn.length, configurable: true });
  return wrapped as F;
}

/** A generator is timed from its first step to its last. */
function wrapperFor(fn: AnyFunction, send: (from: number) => void): AnyFunction {
  const kind = Object.prototype.toString.call(fn);
  if (kind === "[object GeneratorFunction]") {
    return function* (this: unknown, ...args: unknown[]) {
      const from = performance.now();
      try {
        return yield* fn.apply(this, args);
      } finally {
        send(from);
      }
    };
  }
  if (kind === "[object AsyncGeneratorFunction]") {
    return async function* (this: unknown, ...args: unknown[]) {
      const from = performance.now();
      try {
        return yield* fn.apply(this, args);
      } finally {
        send(from);
      }
    };
  }
  return function (this: unknown, ...args: unknown[]) {
    const from = performance.now();
    let answer: unknown;
    try {
      answer = fn.apply(this, args);
    } catch (error) {
      send(from);
      throw error;
    }
    const end = () => send(from);
    if (isPromise(answer)) {
      // Both outcomes are handled, so that a rejection is left to the caller.
      answer.then(end, end);
      return answer;
    }
    // Some thenables (query builders) start their work on `then`, so it must be called only once.
    if (isThenable(answer)) return Promise.resolve(answer).finally(end);
    end();
    return answer;
  };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
