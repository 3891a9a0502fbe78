/** A window: an interval of time whose records are aggregated by context. */
import { contextKey, type KeyedMetric, type Seconds } from "@chouette-iot/record";
import { addRecord, type Context, mergeContext, newContext } from "./context.js";

/** A window's place in time. */
export interface WindowSpan {
  readonly start: Seconds;
  /** Its length, in whole seconds. */
  readonly interval: Seconds;
}

/** The contexts of one window, so far. */
export class Window implements WindowSpan {
  readonly start: Seconds;
  readonly interval: Seconds;
  readonly #contexts = new Map<string, Context>();

  constructor({ start, interval }: WindowSpan) {
    this.start = start;
    this.interval = interval;
  }

  /** Returns false, and changes nothing, if the context's sum wouldn't be finite. */
  add(record: KeyedMetric): boolean {
    const context = this.#contexts.get(record.key);
    if (context !== undefined) return addRecord(context, record);
    const begun = newContext(record);
    const isAdded = addRecord(begun, record);
    if (isAdded) this.#contexts.set(record.key, begun);
    return isAdded;
  }

  /**
   * Adds a context that was aggregated elsewhere, and may change it from then on. Returns false, and changes nothing, if
   * the sum of both wouldn't be finite.
   */
  merge(other: Context): boolean {
    const key = contextKey(other);
    const context = this.#contexts.get(key);
    if (context !== undefined) return mergeContext(context, other);
    this.#contexts.set(key, other);
    return true;
  }

  /** Number of contexts. */
  get size(): number {
    return this.#contexts.size;
  }

  contexts(): Iterable<Context> {
    return this.#contexts.values();
  }

  entries(): Iterable<readonly [key: string, context: Context]> {
    return this.#contexts;
  }
}
