/** A window: a stretch of time whose records of one context become one. */
import { contextKey, type KeyedMetric, type Seconds } from "@chouette-iot/record";
import { addRecord, type Context, mergeContext, newContext } from "./context.js";

/** A window's place in time. */
export interface WindowSpan {
  readonly start: Seconds;
  /** Its length, in whole seconds. */
  readonly interval: Seconds;
}

/** What the records of one window add up to so far, by context. */
export class Window implements WindowSpan {
  readonly start: Seconds;
  readonly interval: Seconds;
  readonly #contexts = new Map<string, Context>();

  constructor({ start, interval }: WindowSpan) {
    this.start = start;
    this.interval = interval;
  }

  /** Answers false if its context's sum can't hold the record: then nothing has changed. */
  add(record: KeyedMetric): boolean {
    const context = this.#contexts.get(record.key);
    if (context !== undefined) return addRecord(context, record);
    const begun = newContext(record);
    const isAdded = addRecord(begun, record);
    if (isAdded) this.#contexts.set(record.key, begun);
    return isAdded;
  }

  /**
   * Takes in what was aggregated elsewhere. The other context is this window's from then on. Answers false if the sum of
   * both wouldn't be finite: then nothing has changed.
   */
  merge(other: Context): boolean {
    const key = contextKey(other);
    const context = this.#contexts.get(key);
    if (context !== undefined) return mergeContext(context, other);
    this.#contexts.set(key, other);
    return true;
  }

  /** How many contexts it has. */
  get size(): number {
    return this.#contexts.size;
  }

  contexts(): Iterable<Context> {
    return this.#contexts.values();
  }

  /** Its contexts, each with its key. */
  entries(): Iterable<readonly [key: string, context: Context]> {
    return this.#contexts;
  }
}
