/**
 * Aggregation of calls, in a client and for what arrives by DogStatsD: calls of one context within one second become one
 * record.
 *
 * Promises: what the agent makes of the records is what it would have made of the calls. Counts and rates are summed, a
 * gauge keeps its last value, a set its distinct elements, a histogram its different samples and how often each came, a distribution a sketch, each at the time of its last call. A flush never mixes
 * calls of two seconds of the clock, however late its timer comes, so that every call counts in its own window.
 * (The agent's `simple` wrapper counts the samples of gauges and rates: turn aggregation off if you use it.)
 *
 * A flush has at most `cardinalityLimit` contexts; calls of further ones go to one context per metric, tagged
 * `overflow:true`, and are counted.
 *
 * It loses what is in the current second when the process dies.
 */
import { deferred, startTimer, type Timer } from "../host.js";
import type { SetElement } from "../raw-metric.js";
import { addToSketch, newSketch, toPlainSketch } from "../sketch.js";
import type { MetricContext } from "./metric-context.js";

const SECOND = 1_000;
/** A set or histogram that reaches this size is flushed, and its context begins a new one: the agent merges them. */
const MAX_ELEMENTS = 1_000;

export interface CallCounters {
  /** Calls that joined the record of an earlier call. */
  aggregated: number;
  /** Calls that were recorded under their metric's overflow context. */
  overflowed: number;
}

/** Makes a record: its value as JSON, its time in milliseconds since the epoch. */
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

  constructor(limit: number, counters: CallCounters, store: StoreRecord) {
    this.#limit = limit;
    this.#counters = counters;
    this.#store = store;
  }

  /** Records that the next flush will make. */
  get pending(): number {
    return this.#pending.length;
  }

  /** Adds to a count or a rate. */
  addToSum(given: MetricContext, value: number, now = Date.now()): Promise<boolean> {
    const context = this.admit(given, now);
    // A sum that no number can hold is stored as two.
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

  /** Adds a sample to a histogram or distribution. @param weight how many calls it stands for */
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

  /** The context under which a call is recorded now: its own, or its metric's overflow. */
  admit(context: MetricContext, now: number): MetricContext {
    if (now >= this.#end || now < this.#start) this.#nextSecond(now);
    if (context.flush === this.#flush && context.admittedAs === context) return context;
    return this.#admitFirst(context);
  }

  /** Whether a further context goes to its metric's overflow. @param now milliseconds since the epoch */
  isAtCardinalityLimit(now: number): boolean {
    return this.#admitted >= this.#limit && now >= this.#start && now < this.#end;
  }

  /** Turns all pending contexts into records now, though the second may not be over. */
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

  /** A sum that isn't finite would cost all of its samples: they go into two records. */
  #beginSketch(context: MetricContext, value: number, count: number, now: number): void {
    this.flush();
    context.sketch = newSketch();
    // One sample may be more than a sum can hold.
    if (addToSketch(context.sketch, value, count) || addToSketch(context.sketch, value))
      this.#begin(context, now);
    else context.sketch = undefined;
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

  /** Whatever the clock says: a test may have stopped it. Calls of the rest of such a second become another record. */
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
