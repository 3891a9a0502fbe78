/**
 * A metric (type and name) and its contexts: the precomputed JSON and the pending values of calls with one tag set.
 */
import { type MetricType, SAMPLES_TYPE, type SetElement, SKETCH_TYPE } from "../raw-metric.js";
import type { Sketch } from "../sketch.js";
import type { Tags } from "../tags.js";

/** The type of a record of several calls, if it differs from the type of the calls. */
const JOINED_TYPES: Partial<Record<MetricType, string>> = {
  histogram: SAMPLES_TYPE,
  distribution: SKETCH_TYPE,
};

export class Metric {
  readonly type: MetricType;
  /** Normalised by Datadog's rules. */
  readonly name: string;
  /** The JSON of its records up to the value. */
  readonly jsonPrefix: string;
  /** The same for records of several calls whose value isn't a number. */
  readonly joinedPrefix: string;
  /** The tags of every record. */
  readonly #commonTags: Tags;
  /** By the JSON of their records after the timestamp. */
  #contexts: Map<string, MetricContext>;
  /** Of the previous generation. */
  #earlierContexts: ReadonlyMap<string, MetricContext> | undefined;
  #overflow: MetricContext | undefined;

  /**
   * @param name the stored name, normalised
   * @param contexts existing contexts of this type and name; new ones are added, so that callers can share them
   */
  constructor(
    type: MetricType,
    name: string,
    commonTags: Tags,
    contexts: Map<string, MetricContext> = new Map(),
  ) {
    this.type = type;
    this.name = name;
    const prefix = (recordType: string) =>
      `{"metric":${JSON.stringify(name)},"type":"${recordType}","value":`;
    this.jsonPrefix = prefix(type);
    this.joinedPrefix = prefix(JOINED_TYPES[type] ?? type);
    this.#commonTags = commonTags;
    this.#contexts = contexts;
  }

  /** The one context with these tags, whatever their order. */
  context(tags: Tags): MetricContext {
    const jsonSuffix = jsonSuffixOf(tags);
    let context = this.#contexts.get(jsonSuffix);
    if (context === undefined) {
      context = this.#earlierContexts?.get(jsonSuffix) ?? new MetricContext(this, jsonSuffix, false);
      this.#contexts.set(jsonSuffix, context);
    }
    return context;
  }

  /** A context for a single call: no other call gets it. */
  singleContext(tags: Tags): MetricContext {
    return new MetricContext(this, jsonSuffixOf(tags), false);
  }

  /** Contexts that are neither used nor kept during a generation are forgotten at its end: calls with their tags get new ones. */
  beginGeneration(): void {
    this.#earlierContexts = this.#contexts;
    this.#contexts = new Map();
  }

  /** Keeps a context of the previous generation. */
  keep(context: MetricContext): void {
    this.#contexts.set(context.jsonSuffix, context);
  }

  /** Records the calls of all further contexts once a flush has reached the cardinality limit. */
  get overflowContext(): MetricContext {
    this.#overflow ??= new MetricContext(this, jsonSuffixOf({ ...this.#commonTags, overflow: "true" }), true);
    return this.#overflow;
  }
}

/** The calls of one type, name and tag set: the constant parts of their records, and their values since the last flush. */
export class MetricContext {
  readonly metric: Metric;
  readonly type: MetricType;
  /** The JSON of its records up to the value. */
  readonly jsonPrefix: string;
  /** The JSON of its records after the timestamp. */
  readonly jsonSuffix: string;
  /** Characters of both. */
  readonly jsonLength: number;
  readonly isOverflow: boolean;
  /** The flush that last admitted it, and as which context: this one, or its metric's overflow context. */
  flush = -1;
  admittedAs: MetricContext = this;
  /** The value of this flush's calls: their sum, or the last one. */
  value = 0;
  /** Time of the last call, in milliseconds since the epoch. */
  at = 0;
  /** Whether it has calls in the current flush. */
  pending = false;
  elements: Set<SetElement> | undefined;
  /** Samples of a histogram, with the number of calls that each represents. */
  samples: Map<number, number> | undefined;
  /** Samples of a distribution. */
  sketch: Sketch | undefined;

  constructor(metric: Metric, jsonSuffix: string, isOverflow: boolean) {
    this.metric = metric;
    this.type = metric.type;
    this.jsonPrefix = metric.jsonPrefix;
    this.jsonSuffix = jsonSuffix;
    this.jsonLength = metric.jsonPrefix.length + jsonSuffix.length;
    this.isOverflow = isOverflow;
  }
}

function jsonSuffixOf(tags: Tags): string {
  const names = Object.keys(tags);
  if (names.length > 1) names.sort();
  let fields = "";
  for (const name of names) {
    fields += `${fields === "" ? "" : ","}${JSON.stringify(name)}:${JSON.stringify(tags[name])}`;
  }
  return `,"tags":{${fields}}}`;
}
