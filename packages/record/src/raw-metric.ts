/**
 * A raw metric: one call of an application, as it lies in the raw queue until its window is closed.
 */
import type { Tags } from "./tags.js";
import type { Seconds } from "./time.js";

/** The types whose value is a number. `distribution` is ours: the original agent ignores it. */
export const NUMBER_TYPES = ["count", "gauge", "rate", "histogram", "distribution"] as const;

export type NumberType = (typeof NUMBER_TYPES)[number];
export type MetricType = NumberType | "set";

export interface NumberMetric {
  readonly metric: string;
  readonly type: NumberType;
  /** Finite: JSON has no other numbers. */
  readonly value: number;
  readonly timestamp: Seconds;
  readonly tags: Tags;
}

/** What a set can tell apart. Anything else is written as text before it comes here. */
export type SetElement = string | number | boolean;

export interface SetMetric {
  readonly metric: string;
  readonly type: "set";
  readonly value: readonly SetElement[];
  readonly timestamp: Seconds;
  readonly tags: Tags;
}

export type RawMetric = NumberMetric | SetMetric;
