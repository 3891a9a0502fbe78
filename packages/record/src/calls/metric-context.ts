/**
 * A metric and its contexts: one type and one name, and what its calls with one tag set have in common.
 */
import { type MetricType, SAMPLES_TYPE, type SetElement, SKETCH_TYPE } from "../raw-metric.js";
import type { Sketch } from "../sketch.js";
import type { Tags } from "../tags.js";

/** The type of a record of several calls, if it isn't that of each. */
const JOINED_TYPES: Partial<Record<MetricType, string>> = {
  histogram: SAMPLES_TYPE,
  distribution: SKETCH_TYPE,
};

export class Metric {
  readonly type: MetricType;
  /** The JSON of its records up to the value. */
  readonly jsonPrefix: string;
  /** Likewise of records that hold what several calls have come to, if that is more than a number. */
  readonly joinedPrefix: string;
  /** The tags of every record. */
  readonly #commonTags: Tags;
  /** By the JSON of their records after the timestamp. */
  readonly #contexts: Map<string, MetricContext>;
  #overflow: MetricContext | undefined;

  /**
   * @param name as it is stored
   * @param contexts those of the same type and name, shared with others that call them; new ones are added
   */
  constructor(
    type: MetricType,
    name: string,
    commonTags: Tags,
    contexts: Map<string, MetricContext> = new Map(),
  ) {
    this.type = type;
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
      context = new MetricContext(this, jsonSuffix, false);
      this.#contexts.set(jsonSuffix, context);
    }
    return context;
  }

  /** Takes the calls of all further contexts once a flush is at the cardinality limit. */
  get overflowContext(): MetricContext {
    this.#overflow ??= new MetricContext(this, jsonSuffixOf({ ...this.#commonTags, overflow: "true" }), true);
    return this.#overflow;
  }
}

/** What calls of one type, name and tag set have in common, and what they have come to since the last flush. */
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
  /** The flush that it was last admitted to, and as which context: itself, or its metric's overflow. */
  flush = -1;
  admittedAs: MetricContext = this;
  /** What its calls of this flush come to: a sum, or the last value. */
  value = 0;
  /** The time of the last of them, in milliseconds since the epoch. */
  at = 0;
  /** True if it has something for this flush. */
  pending = false;
  elements: Set<SetElement> | undefined;
  /** The samples of a histogram: how many calls each value stands for. */
  samples: Map<number, number> | undefined;
  /** The samples of a distribution. */
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
