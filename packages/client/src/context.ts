/**
 * A context: what calls of one type, name and tags have in common, and what they have come to since the last flush.
 */
import type { MetricType, SetElement } from "@chouette-iot/record";

export class Context {
  readonly type: MetricType;
  /** A record's JSON up to its value. */
  readonly head: string;
  /** A record's JSON from after its timestamp. */
  readonly tail: string;
  /** The timestamp of its last record, and that record's JSON from after its value. */
  endAt = "";
  end = "";
  /** Where its calls go once a flush has all the contexts that it may have. */
  readonly overflow: () => Context;
  /** The flush that it was last admitted to, and under which context: itself, or the overflow. */
  flush = -1;
  admittedAs: Context = this;
  /** What its calls of this flush come to: a sum, or the last value. */
  value = 0;
  /** The time of the last of them, in milliseconds since the epoch. */
  at = 0;
  /** True when it has something for this flush. */
  pending = false;
  elements: Set<SetElement> | undefined;

  constructor(type: MetricType, metric: string, tags: string, overflow: () => Context) {
    this.type = type;
    this.head = `{"metric":${JSON.stringify(metric)},"type":"${type}","value":`;
    this.tail = `,"tags":${tags}}`;
    this.overflow = overflow;
  }
}
