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

/** @typeParam C the catalogue that limits names and tags; any without it */
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

  /** Adds to a count: the sum over a window goes to Datadog. */
  count<N extends NameOf<C, "count">>(
    metric: N,
    value: number,
    options?: CallOptions<TagOf<C, N>>,
  ): Promise<boolean> {
    return this.#calls.number("count", metric, value, options);
  }

  /** A count of 1, or of `value`. */
  increment<N extends NameOf<C, "count">>(
    metric: N,
    value = 1,
    options?: CallOptions<TagOf<C, N>>,
  ): Promise<boolean> {
    return this.#calls.number("count", metric, value, options);
  }

  /** A count of -1, or of minus `value`. */
  decrement<N extends NameOf<C, "count">>(
    metric: N,
    value = 1,
    options?: CallOptions<TagOf<C, N>>,
  ): Promise<boolean> {
    return this.#calls.number("count", metric, negative(value), options);
  }

  /** A value that holds until the next one. */
  gauge<N extends NameOf<C, "gauge">>(
    metric: N,
    value: number,
    options?: CallOptions<TagOf<C, N>>,
  ): Promise<boolean> {
    return this.#calls.number("gauge", metric, value, options);
  }

  /** One sample; the agent makes max, median, average, count and percentiles of them. */
  histogram<N extends NameOf<C, "histogram">>(
    metric: N,
    value: number,
    options?: CallOptions<TagOf<C, N>>,
  ): Promise<boolean> {
    return this.#calls.number("histogram", metric, value, options);
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
    return this.#calls.number("distribution", metric, value, options);
  }

  /** A length of time in milliseconds, as a histogram. */
  timing<N extends NameOf<C, "histogram">>(
    metric: N,
    milliseconds: number,
    options?: CallOptions<TagOf<C, N>>,
  ): Promise<boolean> {
    return this.#calls.number("histogram", metric, milliseconds, options);
  }

  /** Adds to a rate: the sum over a window, by second, goes to Datadog. */
  rate<N extends NameOf<C, "rate">>(
    metric: N,
    value: number,
    options?: CallOptions<TagOf<C, N>>,
  ): Promise<boolean> {
    return this.#calls.number("rate", metric, value, options);
  }

  /** Elements of a set: how many different ones a window saw goes to Datadog. */
  set<N extends NameOf<C, "set">>(
    metric: N,
    value: SetInput,
    options?: CallOptions<TagOf<C, N>>,
  ): Promise<boolean> {
    return this.#calls.set(metric, value, options);
  }

  /** A count whose name and tags are looked up here, once. */
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

  /** A timing that begins here: see {@link Timed} for the ways to use it. */
  timed<N extends NameOf<C, "histogram">>(metric: N, options?: TimedOptions<TagOf<C, N>>): Timed {
    const { tags, useMs } = options ?? NO_TIMED_OPTIONS;
    return startTimed(
      useMs === true,
      (value) => void this.#calls.number("histogram", metric, value, { tags }),
    );
  }

  /** A timer that may learn its tags at its end. */
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

  /** A client that adds a prefix and tags; it shares everything else with this one. Tags that can't be read are reported. */
  child<D extends Catalogue<D> = C>(options?: ChildOptions): ChouetteClient<D> {
    return new ChouetteClient<D>(optionsFor({ calls: this.#calls.child(options), isChild: true }));
  }

  /** Something that happened, for Datadog's list of events. */
  event(title: string, text: string, options?: EventOptions | null): Promise<boolean> {
    return this.#calls.event(title, text, options);
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
    return this.#calls.serviceCheck(name, status, options);
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
