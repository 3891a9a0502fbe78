/**
 * Windows: stretches of time, aligned to the clock, whose records of one context become one.
 */
import { contextKey, type KeyedMetric, type Seconds, seconds } from "@chouette-iot/record";
import { addRecord, type Context, mergeContext, newContext } from "./context.js";

/** The start of the window that holds a time. */
export function windowStart(time: Seconds, interval: Seconds): Seconds {
  return seconds(Math.floor(time / interval) * interval);
}

/** Every window that starts before this time is closed: its end is at least the grace ago. */
export function closedBefore(now: Seconds, interval: Seconds, grace: Seconds): Seconds {
  return windowStart(seconds(now - grace), interval);
}

/** What the records of one window add up to so far, by context. */
export class Window {
  readonly start: Seconds;
  readonly #contexts = new Map<string, Context>();

  constructor(start: Seconds) {
    this.start = start;
  }

  add(record: KeyedMetric): void {
    let context = this.#contexts.get(record.key);
    if (context === undefined) {
      context = newContext(record);
      this.#contexts.set(record.key, context);
    }
    addRecord(context, record);
  }

  /** Takes in what was aggregated elsewhere. The other context is this window's from then on. */
  merge(other: Context): void {
    const key = contextKey(other);
    const context = this.#contexts.get(key);
    if (context === undefined) this.#contexts.set(key, other);
    else mergeContext(context, other);
  }

  contexts(): Iterable<Context> {
    return this.#contexts.values();
  }
}
