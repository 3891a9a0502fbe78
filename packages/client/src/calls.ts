/**
 * Validates the calls of a client: any argument may be passed, and an invalid one is refused, never thrown back.
 *
 * Returns the recorder's promise; see `client.ts`.
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
import type { ContextLookup } from "./context-lookup.js";
import { type EventOptions, eventText, type ServiceCheckOptions, serviceCheckText } from "./event-text.js";
import type { Recorder } from "./recorder.js";
import { readElements, type SetInput } from "./set-elements.js";
import { readTags, type TagInput } from "./tag-input.js";

export interface CallOptions<Tag extends string = string> {
  /** Seconds since the epoch, or a Date. Without it, the time of the call. */
  readonly timestamp?: number | Date | null | undefined;
  readonly tags?: TagInput<Tag> | null | undefined;
  /** Fraction of such calls to record, from 0 to 1. Counts and rates are scaled up accordingly, other types aren't. */
  readonly sampleRate?: number | null | undefined;
}

export interface ChildOptions {
  /** Appended to the parent's. */
  readonly prefix?: string | undefined;
  /** Added to the parent's. */
  readonly tags?: TagInput | null | undefined;
}

const NO_OPTIONS: CallOptions = {};
const LEFT_OUT = Promise.resolve(true);
/** In seconds, the year 5138: such timestamps are refused. */
const TOO_LATE = 1e11;
const SECOND = 1_000;

export class Calls {
  readonly recorder: Recorder;
  readonly #contexts: ContextLookup;
  readonly #sampleRate: number;

  /** @param sampleRate from 0 to 1, for calls without one */
  constructor(recorder: Recorder, contexts: ContextLookup, sampleRate: number) {
    this.recorder = recorder;
    this.#contexts = contexts;
    this.#sampleRate = sampleRate;
  }

  /** The calls of a child client, with an additional prefix and tags. Unreadable tags are reported. */
  child(options: ChildOptions | null | undefined): Calls {
    return new Calls(this.recorder, this.#childContexts(options), this.#sampleRate);
  }

  number(
    type: NumberType,
    metric: string,
    value: number,
    options: CallOptions | undefined,
  ): Promise<boolean> {
    const { recorder } = this;
    if (typeof value !== "number" || !Number.isFinite(value)) return recorder.refuse("invalid_value");
    try {
      const { tags, timestamp, sampleRate } = options ?? NO_OPTIONS;
      const context = this.#contexts.lookup(type, metric, tags) ?? this.#newContext(type, metric, tags);
      if (context === undefined) return recorder.refuse("invalid_metric");
      const rate = this.#rateOf(sampleRate);
      // The path of nearly all calls: short enough for V8 to inline it into the program's code.
      if (rate >= 1 && (timestamp === undefined || timestamp === null))
        return recorder.number(context, value);
      return this.#sampled(context, value, rate, timestamp);
    } catch {
      // Only the caller's objects can throw here: a getter, a proxy, a tag that has no string form.
      return recorder.refuse("invalid_tags");
    }
  }

  set(metric: string, value: SetInput, options: CallOptions | undefined): Promise<boolean> {
    const { recorder } = this;
    try {
      const elements = readElements(value);
      if (elements === undefined) return recorder.refuse("invalid_value");
      const { tags, timestamp, sampleRate } = options ?? NO_OPTIONS;
      if (this.#isLeftOut(this.#rateOf(sampleRate))) return LEFT_OUT;
      const context = this.#contexts.lookup("set", metric, tags) ?? this.#newContext("set", metric, tags);
      if (context === undefined) return recorder.refuse("invalid_metric");
      if (timestamp === undefined || timestamp === null) return recorder.elements(context, elements);
      return this.#recordAt(context, elements, timestamp);
    } catch {
      return recorder.refuse("invalid_value");
    }
  }

  event(title: string, text: string, options: EventOptions | null | undefined): Promise<boolean> {
    const given = options ?? {};
    return this.#text("events", given, (tags, at) => eventText(title, text, given, tags, at));
  }

  serviceCheck(
    name: string,
    status: CheckStatus | 0 | 1 | 2 | 3,
    options: ServiceCheckOptions | null | undefined,
  ): Promise<boolean> {
    const given = options ?? {};
    return this.#text("checks", given, (tags, at) =>
      serviceCheckText(this.#contexts.prefix + name, status, given, tags, at),
    );
  }

  /** The context of a bound handle; undefined if the name or the tags are invalid. */
  bind(type: MetricType, metric: string, tags: TagInput | undefined): MetricContext | undefined {
    try {
      return typeof metric === "string" ? this.#contexts.lookupOrCreate(type, metric, tags) : undefined;
    } catch {
      return undefined;
    }
  }

  #text(
    queue: "events" | "checks",
    options: EventOptions | ServiceCheckOptions,
    textOf: (tags: Tags, at: number) => string | undefined,
  ): Promise<boolean> {
    const { recorder } = this;
    try {
      const given = options.timestamp ?? Date.now() / SECOND;
      const at = isDate(given) ? given.getTime() / SECOND : given;
      if (typeof at !== "number" || !(at >= 0 && at < TOO_LATE)) return recorder.refuse("invalid_timestamp");
      const text = textOf(readTags(this.#contexts.tags, options.tags), at);
      return text === undefined ? recorder.refuse("invalid_value") : recorder.text(queue, text, at * SECOND);
    } catch {
      // Only the caller's objects can throw here: a getter, a proxy.
      return recorder.refuse("invalid_value");
    }
  }

  /** A call with a sample rate or a timestamp. */
  #sampled(
    context: MetricContext,
    value: number,
    rate: number,
    timestamp: number | Date | null | undefined,
  ): Promise<boolean> {
    const { recorder } = this;
    if (this.#isLeftOut(rate)) return LEFT_OUT;
    const scaled = rate < 1 && (context.type === "count" || context.type === "rate") ? value / rate : value;
    if (!Number.isFinite(scaled)) return recorder.refuse("invalid_value");
    if (timestamp === undefined || timestamp === null) return recorder.number(context, scaled);
    return this.#recordAt(context, scaled, timestamp);
  }

  #recordAt(
    context: MetricContext,
    value: number | readonly SetElement[],
    timestamp: number | Date,
  ): Promise<boolean> {
    const { recorder } = this;
    const at = isDate(timestamp) ? timestamp.getTime() / SECOND : timestamp;
    if (typeof at !== "number" || !Number.isFinite(at)) return recorder.refuse("invalid_timestamp");
    if (at < TOO_LATE) return recorder.recordAt(context, value, at);
    return recorder.refuse("invalid_timestamp", `timestamp ${at} looks like milliseconds`);
  }

  #childContexts(options: ChildOptions | null | undefined): ContextLookup {
    try {
      const { prefix, tags } = options ?? {};
      return this.#contexts.child(prefix ?? "", tags);
    } catch (error) {
      const message = `a child's prefix and tags can't be read, and are not used: ${messageOf(error)}`;
      this.recorder.events.onError(new Error(message));
      return this.#contexts;
    }
  }

  /** Undefined if no part of the name is valid. */
  #newContext(
    type: MetricType,
    metric: string,
    tags: TagInput | null | undefined,
  ): MetricContext | undefined {
    if (typeof metric !== "string") return undefined;
    // Unbounded tag values end up here: don't cache them.
    if (this.recorder.isAtCardinalityLimit) return this.#contexts.overflowContext(type, metric);
    return this.#contexts.lookupOrCreate(type, metric, tags);
  }

  /** The call's own sample rate if valid, otherwise the client's. */
  #rateOf(given: number | null | undefined): number {
    return typeof given === "number" && given >= 0 ? given : this.#sampleRate;
  }

  #isLeftOut(sampleRate: number): boolean {
    if (sampleRate >= 1 || Math.random() < sampleRate) return false;
    this.recorder.counters.sampledOut++;
    return true;
  }
}
