/**
 * A context: what calls of one type, name and tags have in common, and what they have come to since the last flush.
 */
import type { MetricType, SetElement } from "@chouette-iot/record";
import type { Metric } from "./metric.js";

export class Context {
  readonly metric: Metric;
  readonly type: MetricType;
  /** A record's JSON up to its value. */
  readonly head: string;
  /** A record's JSON from after its timestamp. */
  readonly tail: string;
  /** Whether it is where its metric's calls go once a flush has all the contexts that it may have. */
  readonly isOverflow: boolean;
  /** The flush that it was last admitted to, and under which context: itself, or its metric's overflow. */
  flush = -1;
  admittedAs: Context = this;
  /** What its calls of this flush come to: a sum, or the last value. */
  value = 0;
  /** The time of the last of them, in milliseconds since the epoch. */
  at = 0;
  /** True when it has something for this flush. */
  pending = false;
  elements: Set<SetElement> | undefined;

  constructor(metric: Metric, tail: string, isOverflow: boolean) {
    this.metric = metric;
    this.type = metric.type;
    this.head = metric.head;
    this.tail = tail;
    this.isOverflow = isOverflow;
  }
}
