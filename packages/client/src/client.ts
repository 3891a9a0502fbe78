/**
 * The client: what an application calls.
 *
 * Promises: a call never blocks, throws or rejects, and never changes its arguments. It returns a promise: true once the
 * record is stored in the broker (or if sampling skipped the call); false if it was refused or dropped, or wasn't stored
 * within the answer timeout. In the last case the record still waits in memory and may be stored later. Calls in one batch
 * or one flush share a promise.
 *
 * It loses records that exceed the buffer while the broker is unavailable, and those in memory if the process is killed.
 * See `docs/CLIENT.md`.
 */
import type { CheckStatus } from "@chouette-iot/record";
import { BoundCounter, BoundGauge, BoundHistogram, BoundSet, negative } from "./bound-handles.js";
import type { CallOptions, Calls, ChildOptions } from "./calls.js";
import type { AnyMetric, Catalogue, NameOf, TagOf } from "./catalogue.js";
import type { ClientEventListeners } from "./client-events.js";
import { internalsOf, optionsFor } from "./client-internals.js";
import { type Deadline, timeoutOf } from "./deadline.js";
import type { EventOptions, ServiceCheckOptions } from "./event-text.js";
import { LogSink, type LogSinkOptions } from "./logs/log-sink.js";
import type { ChouetteClientOptions } from "./options.js";
import type { ClientStats, Recorder } from "./recorder.js";
import type { SetInput } from "./set-elements.js";
import type { TagInput } from "./tag-input.js";
import { startTimed, type Timed, type TimedOptions } from "./timed.js";
import { Timer } from "./timer.js";

const NO_TIMED_OPTIONS: TimedOptions = {};

/** The options of a call of this metric. */
type OptionsOf<C extends Catalogue<C>, N extends keyof C> = CallOptions<TagOf<C, N>>;

/** @typeParam C the catalogue that restricts names and tags; by default any are allowed */
export class ChouetteClient<C extends Catalogue<C> = AnyMetric> implements AsyncDisposable {
  readonly #calls: Calls;
  readonly #recorder: Recorder;
  /** Whether another client owns the recorder, and closes it. */
  readonly #isChild: boolean;

  constructor(options: ChouetteClientOptions = {}) {
    const { calls, isChild } = internalsOf(options);
    this.#calls = calls;
    this.#recorder = calls.recorder;
    this.#isChild = isChild;
  }

  /** Adds to a count. Datadog gets the sum of each window. */
  count<N extends NameOf<C, "count">>(metric: N, value: number, options?: OptionsOf<C, N>): Promise<boolean> {
    return this.#calls.number("count", metric, value, options);
  }

  /** A count of 1, or of `value`. */
  increment<N extends NameOf<C, "count">>(metric: N, value = 1, options?: OptionsOf<C, N>): Promise<boolean> {
    return this.#calls.number("count", metric, value, options);
  }

  /** A count of -1, or of minus `value`. */
  decrement<N extends NameOf<C, "count">>(metric: N, value = 1, options?: OptionsOf<C, N>): Promise<boolean> {
    return this.#calls.number("count", metric, negative(value), options);
  }

  /** Sets a gauge: a value that is valid until the next one. */
  gauge<N extends NameOf<C, "gauge">>(metric: N, value: number, options?: OptionsOf<C, N>): Promise<boolean> {
    return this.#calls.number("gauge", metric, value, options);
  }

  /** Adds a sample. The agent computes maximum, median, average, count and percentiles. */
  histogram<N extends NameOf<C, "histogram">>(
    metric: N,
    value: number,
    options?: OptionsOf<C, N>,
  ): Promise<boolean> {
    return this.#calls.number("histogram", metric, value, options);
  }

  /**
   * Adds a sample to a distribution. Datadog gets a sketch, from which it computes percentiles across all devices. The
   * original Python agent ignores distributions.
   */
  distribution<N extends NameOf<C, "distribution">>(
    metric: N,
    value: number,
    options?: OptionsOf<C, N>,
  ): Promise<boolean> {
    return this.#calls.number("distribution", metric, value, options);
  }

  /** Adds a duration in milliseconds to a histogram. */
  timing<N extends NameOf<C, "histogram">>(
    metric: N,
    milliseconds: number,
    options?: OptionsOf<C, N>,
  ): Promise<boolean> {
    return this.#calls.number("histogram", metric, milliseconds, options);
  }

  /** Adds to a rate. Datadog gets the sum of each window per second. */
  rate<N extends NameOf<C, "rate">>(metric: N, value: number, options?: OptionsOf<C, N>): Promise<boolean> {
    return this.#calls.number("rate", metric, value, options);
  }

  /** Adds elements to a set. Datadog gets the number of distinct elements in each window. */
  set<N extends NameOf<C, "set">>(metric: N, value: SetInput, options?: OptionsOf<C, N>): Promise<boolean> {
    return this.#calls.set(metric, value, options);
  }

  /** A count whose name and tags are looked up once, here. */
  boundCounter<N extends NameOf<C, "count">>(metric: N, tags?: TagInput<TagOf<C, N>>): BoundCounter {
    return new BoundCounter(this.#recorder, this.#calls.bind("count", metric, tags));
  }

  boundGauge<N extends NameOf<C, "gauge">>(metric: N, tags?: TagInput<TagOf<C, N>>): BoundGauge {
    return new BoundGauge(this.#recorder, this.#calls.bind("gauge", metric, tags));
  }

  boundHistogram<N extends NameOf<C, "histogram">>(metric: N, tags?: TagInput<TagOf<C, N>>): BoundHistogram {
    return new BoundHistogram(this.#recorder, this.#calls.bind("histogram", metric, tags));
  }

  boundSet<N extends NameOf<C, "set">>(metric: N, tags?: TagInput<TagOf<C, N>>): BoundSet {
    return new BoundSet(this.#recorder, this.#calls.bind("set", metric, tags));
  }

  /** Starts a timing: see {@link Timed} for the ways to use it. */
  timed<N extends NameOf<C, "histogram">>(metric: N, options?: TimedOptions<TagOf<C, N>>): Timed {
    const { tags, useMs } = options ?? NO_TIMED_OPTIONS;
    return startTimed(
      useMs === true,
      (value) => void this.#calls.number("histogram", metric, value, { tags }),
    );
  }

  /** Starts a timer whose tags can be added until its end. */
  timer<N extends NameOf<C, "histogram">>(
    metric: N,
    options?: TimedOptions<TagOf<C, N>>,
  ): Timer<TagOf<C, N>> {
    const { tags, useMs } = options ?? NO_TIMED_OPTIONS;
    return new Timer(tags, (took, all) => {
      if (all === undefined) void this.#recorder.refuse("invalid_tags");
      else
        void this.#calls.number("histogram", metric, useMs ? Math.round(took) : took / 1000, { tags: all });
    });
  }

  /** A client with an additional prefix and tags, which shares everything else with this one. Unreadable tags are reported. */
  child<D extends Catalogue<D> = C>(options?: ChildOptions): ChouetteClient<D> {
    return new ChouetteClient<D>(optionsFor({ calls: this.#calls.child(options), isChild: true }));
  }

  /** Records an event, which appears in Datadog's event explorer. */
  event(title: string, text: string, options?: EventOptions | null): Promise<boolean> {
    return this.#calls.event(title, text, options);
  }

  /**
   * Records a service check: whether something works.
   * @param name prefixed like a metric's
   * @param status its name, or Datadog's number, from 0 for `ok`
   */
  serviceCheck(
    name: string,
    status: CheckStatus | 0 | 1 | 2 | 3,
    options?: ServiceCheckOptions | null,
  ): Promise<boolean> {
    return this.#calls.serviceCheck(name, status, options);
  }

  /** A sink for logs, which go to the same broker. */
  logSink(options?: LogSinkOptions): LogSink {
    return new LogSink(this.#recorder, options ?? {});
  }

  /** Sends all buffered records now. True once all are stored or dropped, false if `timeoutMs` passes first. */
  flush(deadline?: Deadline): Promise<boolean> {
    return this.#recorder.flush(timeoutOf(deadline));
  }

  /** Sends all buffered records within `timeoutMs` and closes the client: later calls are refused. On a child it is a flush. */
  async close(deadline?: Deadline): Promise<void> {
    if (this.#isChild) await this.#recorder.flush(timeoutOf(deadline));
    else await this.#recorder.close(timeoutOf(deadline));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Counters and state of the client and its children. */
  stats(): ClientStats {
    return this.#recorder.stats;
  }

  /** Adds a listener. Its exceptions are ignored. */
  on<E extends keyof ClientEventListeners>(event: E, listener: ClientEventListeners[E]): this {
    this.#recorder.events.on(event, listener);
    return this;
  }

  off<E extends keyof ClientEventListeners>(event: E, listener: ClientEventListeners[E]): this {
    this.#recorder.events.off(event, listener);
    return this;
  }

  // The default client: created from the environment on the first call, and shared by the static methods.

  static count(metric: string, value: number, options?: CallOptions): Promise<boolean> {
    return useDefault().count(metric, value, options);
  }

  static increment(metric: string, value?: number, options?: CallOptions): Promise<boolean> {
    return useDefault().increment(metric, value, options);
  }

  static decrement(metric: string, value?: number, options?: CallOptions): Promise<boolean> {
    return useDefault().decrement(metric, value, options);
  }

  static gauge(metric: string, value: number, options?: CallOptions): Promise<boolean> {
    return useDefault().gauge(metric, value, options);
  }

  static histogram(metric: string, value: number, options?: CallOptions): Promise<boolean> {
    return useDefault().histogram(metric, value, options);
  }

  static distribution(metric: string, value: number, options?: CallOptions): Promise<boolean> {
    return useDefault().distribution(metric, value, options);
  }

  static timing(metric: string, milliseconds: number, options?: CallOptions): Promise<boolean> {
    return useDefault().timing(metric, milliseconds, options);
  }

  static rate(metric: string, value: number, options?: CallOptions): Promise<boolean> {
    return useDefault().rate(metric, value, options);
  }

  static set(metric: string, value: SetInput, options?: CallOptions): Promise<boolean> {
    return useDefault().set(metric, value, options);
  }

  static event(title: string, text: string, options?: EventOptions): Promise<boolean> {
    return useDefault().event(title, text, options);
  }

  static serviceCheck(
    name: string,
    status: CheckStatus | 0 | 1 | 2 | 3,
    options?: ServiceCheckOptions,
  ): Promise<boolean> {
    return useDefault().serviceCheck(name, status, options);
  }

  static flush(deadline?: Deadline): Promise<boolean> {
    return useDefault().flush(deadline);
  }

  /** The default client itself. */
  static get default(): ChouetteClient {
    return useDefault();
  }

  /**
   * Replaces the default client, which the static methods and `timed` use, for example by a `TestClient`. The previous one
   * stays open. After `undefined`, the next call creates a new one from the environment.
   */
  static use(client: ChouetteClient | undefined): void {
    defaultClient = client;
  }
}

let defaultClient: ChouetteClient | undefined;

function useDefault(): ChouetteClient {
  defaultClient ??= new ChouetteClient();
  return defaultClient;
}

/** Starts a timing on the default client: see {@link Timed} for the ways to use it. */
export function timed(metric: string, options?: TimedOptions): Timed {
  return useDefault().timed(metric, options);
}
