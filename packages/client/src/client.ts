/**
 * The client: what an application calls.
 *
 * Promises: a call never blocks, throws or rejects, and changes nothing that it is given. It answers with a promise:
 * true when its record is stored in the broker (or when sampling left the call out); false when it was refused or
 * dropped, or wasn't stored within the answer timeout. In that last case the record still waits in memory and may be
 * stored later. Calls that end in one batch, or in one flush, share one promise.
 *
 * It loses what doesn't fit the buffer while the broker is away, and what is still in memory when the process dies.
 * `docs/CLIENT.md` says more.
 */
import { isDate } from "node:util/types";
import {
  type CheckStatus,
  type MetricType,
  messageOf,
  type NumberType,
  type SetElement,
  type Tags,
} from "@chouette-iot/record";
import type { MetricContext } from "@chouette-iot/record/calls";
import { BoundCounter, BoundGauge, BoundHistogram, BoundSet, negative } from "./bound-handles.js";
import type { AnyMetric, Catalogue, NameOf, TagOf } from "./catalogue.js";
import type { ClientEventListeners } from "./client-events.js";
import { internalsOf, optionsFor } from "./client-internals.js";
import type { ContextLookup } from "./context-lookup.js";
import { type Deadline, timeoutOf } from "./deadline.js";
import { type EventOptions, eventText, type ServiceCheckOptions, serviceCheckText } from "./event-text.js";
import { LogSink, type LogSinkOptions } from "./logs/log-sink.js";
import type { ChouetteClientOptions } from "./options.js";
import type { ClientStats, Recorder } from "./recorder.js";
import { readElements, type SetInput } from "./set-elements.js";
import { readTags, type TagInput } from "./tag-input.js";
import { startTimed, type Timed, type TimedOptions } from "./timed.js";
import { Timer } from "./timer.js";

export interface CallOptions<Tag extends string = string> {
  /** Seconds since the epoch, or a Date. Without it, the time of the call. */
  readonly timestamp?: number | Date | null | undefined;
  readonly tags?: TagInput<Tag> | null | undefined;
  /** The part of such calls that is recorded, from 0 to 1: counts and rates are scaled back by it, nothing else is. */
  readonly sampleRate?: number | null | undefined;
}

export interface ChildOptions {
  /** Put after the parent's. */
  readonly prefix?: string | undefined;
  /** Added to the parent's. */
  readonly tags?: TagInput | null | undefined;
}

const NO_OPTIONS: CallOptions = {};
const NO_TIMED_OPTIONS: TimedOptions = {};
const LEFT_OUT = Promise.resolve(true);
/** Seconds from here on are past the year 5138. */
const TOO_LATE = 1e11;
const SECOND = 1_000;

/** @typeParam C the catalogue that limits names and tags; any without it */
export class ChouetteClient<C extends Catalogue<C> = AnyMetric> implements AsyncDisposable {
  readonly #recorder: Recorder;
  readonly #contexts: ContextLookup;
  readonly #sampleRate: number;
  readonly #isChild: boolean;

  constructor(options: ChouetteClientOptions = {}) {
    const { recorder, contexts, sampleRate, isChild } = internalsOf(options);
    this.#recorder = recorder;
    this.#contexts = contexts;
    this.#sampleRate = sampleRate;
    this.#isChild = isChild;
  }

  /** Adds to a count: the sum over a window goes to Datadog. */
  count<N extends NameOf<C, "count">>(
    metric: N,
    value: number,
    options?: CallOptions<TagOf<C, N>>,
  ): Promise<boolean> {
    return this.#number("count", metric, value, options);
  }

  /** A count of 1, or of `value`. */
  increment<N extends NameOf<C, "count">>(
    metric: N,
    value = 1,
    options?: CallOptions<TagOf<C, N>>,
  ): Promise<boolean> {
    return this.#number("count", metric, value, options);
  }

  /** A count of -1, or of minus `value`. */
  decrement<N extends NameOf<C, "count">>(
    metric: N,
    value = 1,
    options?: CallOptions<TagOf<C, N>>,
  ): Promise<boolean> {
    return this.#number("count", metric, negative(value), options);
  }

  /** A value that holds until the next one. */
  gauge<N extends NameOf<C, "gauge">>(
    metric: N,
    value: number,
    options?: CallOptions<TagOf<C, N>>,
  ): Promise<boolean> {
    return this.#number("gauge", metric, value, options);
  }

  /** One sample; the agent makes max, median, average, count and percentiles of them. */
  histogram<N extends NameOf<C, "histogram">>(
    metric: N,
    value: number,
    options?: CallOptions<TagOf<C, N>>,
  ): Promise<boolean> {
    return this.#number("histogram", metric, value, options);
  }

  /**
   * One sample of a distribution: Datadog gets a sketch, of which it computes percentiles over all devices. The original
   * Python agent ignores it.
   */
  distribution<N extends NameOf<C, "distribution">>(
    metric: N,
    value: number,
    options?: CallOptions<TagOf<C, N>>,
  ): Promise<boolean> {
    return this.#number("distribution", metric, value, options);
  }

  /** A length of time in milliseconds, as a histogram. */
  timing<N extends NameOf<C, "histogram">>(
    metric: N,
    milliseconds: number,
    options?: CallOptions<TagOf<C, N>>,
  ): Promise<boolean> {
    return this.#number("histogram", metric, milliseconds, options);
  }

  /** Adds to a rate: the sum over a window, by second, goes to Datadog. */
  rate<N extends NameOf<C, "rate">>(
    metric: N,
    value: number,
    options?: CallOptions<TagOf<C, N>>,
  ): Promise<boolean> {
    return this.#number("rate", metric, value, options);
  }

  /** Elements of a set: how many different ones a window saw goes to Datadog. */
  set<N extends NameOf<C, "set">>(
    metric: N,
    value: SetInput,
    options?: CallOptions<TagOf<C, N>>,
  ): Promise<boolean> {
    try {
      const elements = readElements(value);
      if (elements === undefined) return this.#recorder.refuse("invalid_value");
      const { tags, timestamp, sampleRate } = options ?? NO_OPTIONS;
      if (this.#isLeftOut(this.#rateOf(sampleRate))) return LEFT_OUT;
      const context = this.#context("set", metric, tags);
      if (context === undefined) return this.#recorder.refuse("invalid_metric");
      if (timestamp === undefined || timestamp === null) return this.#recorder.elements(context, elements);
      return this.#recordAt(context, elements, timestamp);
    } catch {
      return this.#recorder.refuse("invalid_value");
    }
  }

  /** A count whose name and tags are looked up here, once. */
  boundCounter<N extends NameOf<C, "count">>(metric: N, tags?: TagInput<TagOf<C, N>>): BoundCounter {
    return new BoundCounter(this.#recorder, this.#bind("count", metric, tags));
  }

  boundGauge<N extends NameOf<C, "gauge">>(metric: N, tags?: TagInput<TagOf<C, N>>): BoundGauge {
    return new BoundGauge(this.#recorder, this.#bind("gauge", metric, tags));
  }

  boundHistogram<N extends NameOf<C, "histogram">>(metric: N, tags?: TagInput<TagOf<C, N>>): BoundHistogram {
    return new BoundHistogram(this.#recorder, this.#bind("histogram", metric, tags));
  }

  boundSet<N extends NameOf<C, "set">>(metric: N, tags?: TagInput<TagOf<C, N>>): BoundSet {
    return new BoundSet(this.#recorder, this.#bind("set", metric, tags));
  }

  /** A timing that begins here: see {@link Timed} for the ways to use it. */
  timed<N extends NameOf<C, "histogram">>(metric: N, options?: TimedOptions<TagOf<C, N>>): Timed {
    const { tags, useMs } = options ?? NO_TIMED_OPTIONS;
    return startTimed(useMs === true, (value) => void this.#number("histogram", metric, value, { tags }));
  }

  /** A timer that may learn its tags at its end. */
  timer<N extends NameOf<C, "histogram">>(
    metric: N,
    options?: TimedOptions<TagOf<C, N>>,
  ): Timer<TagOf<C, N>> {
    const { tags, useMs } = options ?? NO_TIMED_OPTIONS;
    return new Timer(tags, (took, all) => {
      if (all === undefined) void this.#recorder.refuse("invalid_tags");
      else void this.#number("histogram", metric, useMs ? Math.round(took) : took / 1000, { tags: all });
    });
  }

  /** A client that adds a prefix and tags; it shares everything else with this one. Tags that can't be read are reported. */
  child<D extends Catalogue<D> = C>(options?: ChildOptions): ChouetteClient<D> {
    const contexts = this.#childContexts(options);
    const shared = { recorder: this.#recorder, sampleRate: this.#sampleRate };
    return new ChouetteClient<D>(optionsFor({ ...shared, contexts, isChild: true }));
  }

  /** Something that happened, for Datadog's list of events. */
  event(title: string, text: string, options?: EventOptions | null): Promise<boolean> {
    const given = options ?? {};
    return this.#text("events", given, (tags, at) => eventText(title, text, given, tags, at));
  }

  /**
   * Whether something works.
   * @param name the client's prefix is put before it
   * @param status by its name or Datadog's number, from 0 for `ok`
   */
  serviceCheck(
    name: string,
    status: CheckStatus | 0 | 1 | 2 | 3,
    options?: ServiceCheckOptions | null,
  ): Promise<boolean> {
    const given = options ?? {};
    return this.#text("checks", given, (tags, at) =>
      serviceCheckText(this.#contexts.prefix + name, status, given, tags, at),
    );
  }

  /** Logs on their way to the same broker. */
  logSink(options?: LogSinkOptions): LogSink {
    return new LogSink(this.#recorder, options ?? {});
  }

  /** Sends what is buffered now. True when all of it is stored or dropped, false if `timeoutMs` passed first. */
  flush(deadline?: Deadline): Promise<boolean> {
    return this.#recorder.flush(timeoutOf(deadline));
  }

  /** Sends what is buffered, for at most `timeoutMs`, and ends: later calls are refused. For a child it is a flush. */
  async close(deadline?: Deadline): Promise<void> {
    if (this.#isChild) await this.#recorder.flush(timeoutOf(deadline));
    else await this.#recorder.close(timeoutOf(deadline));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What the client and its children did so far. */
  stats(): ClientStats {
    return this.#recorder.stats;
  }

  /** Adds a listener. What it throws is ignored. */
  on<E extends keyof ClientEventListeners>(event: E, listener: ClientEventListeners[E]): this {
    this.#recorder.events.on(event, listener);
    return this;
  }

  off<E extends keyof ClientEventListeners>(event: E, listener: ClientEventListeners[E]): this {
    this.#recorder.events.off(event, listener);
    return this;
  }

  #number(
    type: NumberType,
    metric: string,
    value: number,
    options: CallOptions | undefined,
  ): Promise<boolean> {
    const recorder = this.#recorder;
    if (typeof value !== "number" || !Number.isFinite(value)) return recorder.refuse("invalid_value");
    try {
      const { tags, timestamp, sampleRate } = options ?? NO_OPTIONS;
      const context = this.#context(type, metric, tags);
      if (context === undefined) return recorder.refuse("invalid_metric");
      const rate = this.#rateOf(sampleRate);
      if (rate < 1 && this.#isLeftOut(rate)) return LEFT_OUT;
      const scaled = rate < 1 && (type === "count" || type === "rate") ? value / rate : value;
      if (!Number.isFinite(scaled)) return recorder.refuse("invalid_value");
      if (timestamp === undefined || timestamp === null) return recorder.number(context, scaled);
      return this.#recordAt(context, scaled, timestamp);
    } catch {
      // Only what the caller gave can throw here: a getter, a proxy, a tag without a text.
      return recorder.refuse("invalid_tags");
    }
  }

  #text(
    queue: "events" | "checks",
    options: EventOptions | ServiceCheckOptions,
    textOf: (tags: Tags, at: number) => string | undefined,
  ): Promise<boolean> {
    try {
      const given = options.timestamp ?? Date.now() / SECOND;
      const at = isDate(given) ? given.getTime() / SECOND : given;
      if (typeof at !== "number" || !(at >= 0 && at < TOO_LATE))
        return this.#recorder.refuse("invalid_timestamp");
      const text = textOf(readTags(this.#contexts.tags, options.tags), at);
      return text === undefined
        ? this.#recorder.refuse("invalid_value")
        : this.#recorder.text(queue, text, at * SECOND);
    } catch {
      // Only what the caller gave can throw here: a getter, a proxy.
      return this.#recorder.refuse("invalid_value");
    }
  }

  #recordAt(
    context: MetricContext,
    value: number | readonly SetElement[],
    timestamp: number | Date,
  ): Promise<boolean> {
    const at = isDate(timestamp) ? timestamp.getTime() / 1000 : timestamp;
    if (typeof at !== "number" || !Number.isFinite(at)) return this.#recorder.refuse("invalid_timestamp");
    if (at < TOO_LATE) return this.#recorder.recordAt(context, value, at);
    return this.#recorder.refuse("invalid_timestamp", `timestamp ${at} looks like milliseconds`);
  }

  #childContexts(options: ChildOptions | null | undefined): ContextLookup {
    try {
      const { prefix, tags } = options ?? {};
      return this.#contexts.child(prefix ?? "", tags);
    } catch (error) {
      const message = `a child's prefix and tags can't be read, and are not used: ${messageOf(error)}`;
      this.#recorder.events.onError(new Error(message));
      return this.#contexts;
    }
  }

  #context(type: MetricType, metric: string, tags: TagInput | null | undefined): MetricContext | undefined {
    if (typeof metric !== "string") return undefined;
    const found = this.#contexts.lookup(type, metric, tags);
    if (found !== undefined) return found;
    // Unbounded tag values end up here: don't cache them.
    if (this.#recorder.isAtCardinalityLimit) return this.#contexts.overflowContext(type, metric);
    return this.#contexts.lookupOrCreate(type, metric, tags);
  }

  #bind(type: MetricType, metric: string, tags: TagInput | undefined): MetricContext | undefined {
    try {
      return typeof metric === "string" ? this.#contexts.lookupOrCreate(type, metric, tags) : undefined;
    } catch {
      return undefined;
    }
  }

  /** The call's own rate; the client's for anything that is none. */
  #rateOf(given: number | null | undefined): number {
    return typeof given === "number" && given >= 0 ? given : this.#sampleRate;
  }

  #isLeftOut(sampleRate: number): boolean {
    if (sampleRate >= 1 || Math.random() < sampleRate) return false;
    this.#recorder.counters.sampledOut++;
    return true;
  }

  // The ready-made client: created from the environment with the first call, and shared by the static methods.

  static count(metric: string, value: number, options?: CallOptions): Promise<boolean> {
    return ready().count(metric, value, options);
  }

  static increment(metric: string, value?: number, options?: CallOptions): Promise<boolean> {
    return ready().increment(metric, value, options);
  }

  static decrement(metric: string, value?: number, options?: CallOptions): Promise<boolean> {
    return ready().decrement(metric, value, options);
  }

  static gauge(metric: string, value: number, options?: CallOptions): Promise<boolean> {
    return ready().gauge(metric, value, options);
  }

  static histogram(metric: string, value: number, options?: CallOptions): Promise<boolean> {
    return ready().histogram(metric, value, options);
  }

  static distribution(metric: string, value: number, options?: CallOptions): Promise<boolean> {
    return ready().distribution(metric, value, options);
  }

  static timing(metric: string, milliseconds: number, options?: CallOptions): Promise<boolean> {
    return ready().timing(metric, milliseconds, options);
  }

  static rate(metric: string, value: number, options?: CallOptions): Promise<boolean> {
    return ready().rate(metric, value, options);
  }

  static set(metric: string, value: SetInput, options?: CallOptions): Promise<boolean> {
    return ready().set(metric, value, options);
  }

  static event(title: string, text: string, options?: EventOptions): Promise<boolean> {
    return ready().event(title, text, options);
  }

  static serviceCheck(
    name: string,
    status: CheckStatus | 0 | 1 | 2 | 3,
    options?: ServiceCheckOptions,
  ): Promise<boolean> {
    return ready().serviceCheck(name, status, options);
  }

  static flush(deadline?: Deadline): Promise<boolean> {
    return ready().flush(deadline);
  }

  /** The default client itself. */
  static get default(): ChouetteClient {
    return ready();
  }

  /**
   * Makes this the default client, which the static methods and `timed` use: in tests, a `TestClient`. The one before stays
   * open. With undefined, the next call creates one from the environment.
   */
  static use(client: ChouetteClient | undefined): void {
    readyMade = client;
  }
}

let readyMade: ChouetteClient | undefined;

function ready(): ChouetteClient {
  readyMade ??= new ChouetteClient();
  return readyMade;
}

/** A timing on the ready-made client, begun here: see {@link Timed} for the ways to use it. */
export function timed(metric: string, options?: TimedOptions): Timed {
  return ready().timed(metric, options);
}
