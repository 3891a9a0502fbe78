/**
 * The client: what an application calls.
 *
 * Promises: a call never blocks, throws or rejects, and changes nothing that it is given. It answers with a promise:
 * true when its record is stored in the broker; false when it was refused or dropped, or was not stored within the answer
 * timeout (a second). In that last case the record still waits in memory and may be stored later. Calls of one
 * batch share one promise.
 *
 * It loses what doesn't fit the buffer while the broker is away, and what is still in memory when the process dies.
 * `docs/CLIENT.md` says more.
 */
import type { NumberType } from "@chouette-iot/record";
import { type ChouetteClientOptions, readSettings } from "./options.js";
import { type ClientStats, Pipeline } from "./pipeline.js";
import { recordText } from "./record-text.js";
import { elementsText } from "./set-elements.js";
import type { TagInput } from "./tag-input.js";
import type { ClientEvents } from "./watch.js";

export interface CallOptions {
  /** Seconds since the epoch, or a Date. The time of the call without it. */
  readonly timestamp?: number | Date;
  readonly tags?: TagInput;
}

/** Anything that can stand in a set; what is not a string, number or boolean is told apart by its text. */
export type SetInput = ReadonlySet<unknown> | readonly unknown[];

const NO_OPTIONS: CallOptions = {};

export class ChouetteClient {
  readonly #pipeline: Pipeline;

  constructor(options: ChouetteClientOptions = {}) {
    const complaints: string[] = [];
    this.#pipeline = new Pipeline(readSettings(options, process.env, (message) => complaints.push(message)));
    if (options.onError !== undefined) this.on("error", options.onError);
    for (const complaint of complaints) this.#pipeline.watch.onError(new Error(complaint));
  }

  /** Adds to a count: the sum over a window goes to Datadog. */
  count(metric: string, value: number, options?: CallOptions): Promise<boolean> {
    return this.#number("count", metric, value, options);
  }

  /** A count of 1, or of `value`. */
  increment(metric: string, value = 1, options?: CallOptions): Promise<boolean> {
    return this.#number("count", metric, value, options);
  }

  /** A count of -1, or of minus `value`. */
  decrement(metric: string, value = 1, options?: CallOptions): Promise<boolean> {
    return this.#number("count", metric, -value, options);
  }

  /** A value that holds until the next one. */
  gauge(metric: string, value: number, options?: CallOptions): Promise<boolean> {
    return this.#number("gauge", metric, value, options);
  }

  /** One sample of a distribution; the agent makes max, median, average, count and percentiles of them. */
  histogram(metric: string, value: number, options?: CallOptions): Promise<boolean> {
    return this.#number("histogram", metric, value, options);
  }

  /** Adds to a rate: the sum over a window, by second, goes to Datadog. */
  rate(metric: string, value: number, options?: CallOptions): Promise<boolean> {
    return this.#number("rate", metric, value, options);
  }

  /** Elements of a set: how many different ones a window saw goes to Datadog. */
  set(metric: string, value: SetInput, options: CallOptions = NO_OPTIONS): Promise<boolean> {
    try {
      const elements = elementsText(value);
      if (elements === undefined) return this.#pipeline.refuse("invalid_value");
      return this.#store("set", metric, elements, options);
    } catch {
      return this.#pipeline.refuse("invalid_value");
    }
  }

  /** Sends what is buffered now. True when all of it is stored or dropped, false where `timeoutMs` passed first. */
  flush({ timeoutMs = 5_000 }: { readonly timeoutMs?: number } = {}): Promise<boolean> {
    return this.#pipeline.flush(timeoutMs);
  }

  /** Sends what is buffered, for at most `timeoutMs`, and ends. Later calls are refused. */
  close({ timeoutMs = 5_000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    return this.#pipeline.close(timeoutMs);
  }

  /** What the client did so far. */
  stats(): ClientStats {
    return this.#pipeline.stats;
  }

  /** Listens. A listener that throws is not heard of. */
  on<E extends keyof ClientEvents>(event: E, listener: ClientEvents[E]): this {
    this.#pipeline.watch.on(event, listener);
    return this;
  }

  off<E extends keyof ClientEvents>(event: E, listener: ClientEvents[E]): this {
    this.#pipeline.watch.off(event, listener);
    return this;
  }

  #number(
    type: NumberType,
    metric: string,
    value: number,
    options: CallOptions = NO_OPTIONS,
  ): Promise<boolean> {
    if (typeof value !== "number" || !Number.isFinite(value)) return this.#pipeline.refuse("invalid_value");
    return this.#store(type, metric, value, options);
  }

  #store(
    type: NumberType | "set",
    metric: string,
    value: number | string,
    options: CallOptions,
  ): Promise<boolean> {
    const pipeline = this.#pipeline;
    if (typeof metric !== "string" || metric === "") return pipeline.refuse("invalid_metric");
    try {
      const timestamp = this.#timestamp(options.timestamp);
      if (timestamp === undefined) return pipeline.refuse("invalid_timestamp");
      const context = pipeline.contexts.find(type, metric, options.tags);
      return pipeline.storeMetric(recordText(context, value, timestamp), timestamp);
    } catch {
      // Only what the caller gave can throw here: a getter, a proxy, a tag without a text.
      return pipeline.refuse("invalid_tags");
    }
  }

  /** Seconds as text; undefined where there is no such time. */
  #timestamp(given: number | Date | undefined): string | undefined {
    if (given === undefined) return this.#pipeline.clock.seconds(Date.now());
    const time = given instanceof Date ? given.getTime() / 1000 : given;
    return typeof time === "number" && Number.isFinite(time) ? `${time}` : undefined;
  }

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

  static rate(metric: string, value: number, options?: CallOptions): Promise<boolean> {
    return ready().rate(metric, value, options);
  }

  static set(metric: string, value: SetInput, options?: CallOptions): Promise<boolean> {
    return ready().set(metric, value, options);
  }

  static flush(options?: { readonly timeoutMs?: number }): Promise<boolean> {
    return ready().flush(options);
  }

  /** The ready-made client: made with the first call, from the environment, and used by every static method. */
  static get default(): ChouetteClient {
    return ready();
  }
}

let readyMade: ChouetteClient | undefined;

function ready(): ChouetteClient {
  readyMade ??= new ChouetteClient();
  return readyMade;
}
