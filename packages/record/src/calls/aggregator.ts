/**
 * Aggregates calls, of a client or from DogStatsD: calls of one context within one second become one record.
 *
 * Promises: the agent's result is the same as for one record per call. Counts and rates are summed, a gauge keeps its
 * last value, a set its distinct elements, a histogram each distinct sample with its weight, a distribution a sketch. A
 * record's time is that of its last call. A flush never mixes calls of two seconds of the clock, however late its timer
 * fires, so every call counts in its own window.
 * (The agent's `simple` wrapper counts the samples of gauges and rates: turn aggregation off if you use it.)
 *
 * A flush has at most `limit` contexts. Calls of further contexts go to one context per metric, tagged `overflow:true`,
 * and are counted.
 *
 * It loses the calls of the current second if the process dies.
 */
import { deferred, startTimer, type Timer } from "../host.js";
import type { SetElement } from "../raw-metric.js";
import { addToSketch, newSketch, toPlainSketch } from "../sketch.js";
import type { MetricContext } from "./metric-context.js";

const SECOND = 1_000;
/** A set or histogram of this size is flushed, and its context starts a new record: the agent merges them. */
const MAX_ELEMENTS = 1_000;

export interface CallCounters {
  /** Calls that joined the record of an earlier call. */
  aggregated: number;
  /** Calls that were recorded under their metric's overflow context. */
  overflowed: number;
}

/**
 * Stores a record.
 *
 * @param value JSON: a number, or the text of anything else
 * @param at milliseconds since the epoch
 * @returns whether it was stored; never rejects
 */
export type StoreRecord = (context: MetricContext, value: number | string, at: number) => Promise<boolean>;

export class Aggregator {
  readonly #limit: number;
  readonly #counters: CallCounters;
  readonly #store: StoreRecord;
  /** The second of the clock that this flush is for, in milliseconds since the epoch. */
  #start = 0;
  #end = 0;
  #flush = 0;
  #admitted = 0;
  #pending: MetricContext[] = [];
  #timer: Timer | undefined;
  #answer: Promise<boolean> = Promise.resolve(true);
  #resolveAnswer: (stored: boolean | Promise<boolean>) => void = () => {};

  /** @param limit contexts per flush, beyond which calls go to their metric's overflow context */
  constructor(limit: number, counters: CallCounters, store: StoreRecord) {
    this.#limit = limit;
    this.#counters = counters;
    this.#store = store;
  }

  /** Number of records that the next flush will store. */
  get pending(): number {
    return this.#pending.length;
  }

  /** Adds to a count or a rate. Like all calls here, it resolves with whether its record was stored, and never rejects. */
  addToSum(given: MetricContext, value: number, now = Date.now()): Promise<boolean> {
    const context = this.admit(given, now);
    // A sum that would overflow a double is stored as two records.
    if (context.pending && !Number.isFinite(context.value + value)) this.flush();
    if (context.pending) {
      this.#counters.aggregated++;
      context.value += value;
    } else {
      this.#begin(context, now);
      context.value = value;
    }
    context.at = now;
    return this.#answer;
  }

  /** Sets a gauge. */
  setGauge(given: MetricContext, value: number, now = Date.now()): Promise<boolean> {
    const context = this.admit(given, now);
    if (context.pending) this.#counters.aggregated++;
    else this.#begin(context, now);
    context.value = value;
    context.at = now;
    return this.#answer;
  }

  /** Adds elements to a set. */
  addToSet(given: MetricContext, elements: readonly SetElement[], now = Date.now()): Promise<boolean> {
    const context = this.admit(given, now);
    if (context.pending) this.#counters.aggregated++;
    else this.#begin(context, now);
    context.elements ??= new Set();
    for (const element of elements) context.elements.add(element);
    context.at = now;
    const answer = this.#answer;
    if (context.elements.size >= MAX_ELEMENTS) this.flush();
    return answer;
  }

  /** Adds a sample to a histogram or distribution. @param weight number of calls that it represents */
  addSample(given: MetricContext, value: number, weight: number, now = Date.now()): Promise<boolean> {
    const context = this.admit(given, now);
    if (context.pending) this.#counters.aggregated++;
    else this.#begin(context, now);
    context.at = now;
    const answer = this.#answer;
    if (context.type === "distribution") {
      context.sketch ??= newSketch();
      const count = Math.max(1, Math.round(weight));
      if (!addToSketch(context.sketch, value, count)) this.#beginSketch(context, value, count, now);
      return answer;
    }
    context.samples ??= new Map();
    context.samples.set(value, (context.samples.get(value) ?? 0) + weight);
    if (context.samples.size >= MAX_ELEMENTS) this.flush();
    return answer;
  }

  /** The context that records a call at this time: the given one, or its metric's overflow context. */
  admit(context: MetricContext, now: number): MetricContext {
    if (now >= this.#end || now < this.#start) this.#nextSecond(now);
    if (context.flush === this.#flush && context.admittedAs === context) return context;
    return this.#admitFirst(context);
  }

  /** Whether a new context would be recorded as overflow. @param now milliseconds since the epoch */
  isAtCardinalityLimit(now: number): boolean {
    return this.#admitted >= this.#limit && now >= this.#start && now < this.#end;
  }

  /** Stores the records of all pending contexts now, even if the second isn't over. */
  flush(): void {
    const contexts = this.#pending;
    if (contexts.length === 0) return;
    this.#pending = [];
    const answers = new Set<Promise<boolean>>();
    for (const context of contexts) {
      context.pending = false;
      const value = joinedValue(context);
      context.elements = undefined;
      context.samples = undefined;
      context.sketch = undefined;
      answers.add(this.#store(context, value, context.at));
    }
    this.#resolveAnswer(allStored(answers));
  }

  /** A sketch whose sum isn't finite would be rejected with all its samples: the new sample starts another record. */
  #beginSketch(context: MetricContext, value: number, count: number, now: number): void {
    this.flush();
    context.sketch = newSketch();
    // Weighted, a single sample may overflow the sum.
    if (!addToSketch(context.sketch, value, count)) addToSketch(context.sketch, value);
    this.#begin(context, now);
  }

  /** A new second begins. */
  #nextSecond(now: number): void {
    this.flush();
    this.#start = now - (now % SECOND);
    this.#end = this.#start + SECOND;
    this.#flush++;
    this.#admitted = 0;
  }

  #admitFirst(context: MetricContext): MetricContext {
    if (!context.isOverflow && context.flush !== this.#flush) {
      context.flush = this.#flush;
      context.admittedAs = ++this.#admitted <= this.#limit ? context : context.metric.overflowContext;
      if (context.admittedAs === context) return context;
    }
    this.#counters.overflowed++;
    return context.admittedAs;
  }

  #begin(context: MetricContext, now: number): void {
    context.pending = true;
    this.#pending.push(context);
    if (this.#pending.length > 1) return;
    const { promise, resolve } = deferred();
    this.#answer = promise;
    this.#resolveAnswer = resolve;
    // A timer may fire up to a millisecond early.
    if (this.#timer === undefined) this.#timer = startTimer(() => this.#onTimer(), this.#end - now + 1);
  }

  /** Flushes regardless of the clock, which a test may have stopped. Later calls of the same second become another record. */
  #onTimer(): void {
    this.#timer = undefined;
    this.flush();
  }
}

/** A number, or JSON. */
function joinedValue({ elements, samples, sketch, value }: MetricContext): number | string {
  if (sketch !== undefined) return JSON.stringify(toPlainSketch(sketch));
  const joined = elements ?? samples;
  return joined === undefined ? value : JSON.stringify([...joined]);
}

async function allStored(answers: Iterable<Promise<boolean>>): Promise<boolean> {
  for (const stored of await Promise.all(answers)) if (!stored) return false;
  return true;
}
