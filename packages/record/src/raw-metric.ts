/**
 * A raw metric: one call of an application, in the raw queue until its window is closed.
 */
import type { Sketch } from "./sketch.js";
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

/** What a client stores of a set. Anything else is written as text before it comes here. */
export type SetElement = string | number | boolean;

export interface SetMetric {
  readonly metric: string;
  readonly type: "set";
  readonly value: readonly SetElement[];
  readonly timestamp: Seconds;
  readonly tags: Tags;
}

/** As a client of ours writes it. */
export type RawMetric = NumberMetric | SetMetric;

/**
 * An element of a set as it is counted: what Python calls equal is equal. So true is 1, 1.0 is 1, and "1" is none of
 * them; null is an element, too. A bigint is a whole number that a double can't hold.
 */
export type DistinctElement = string | number | bigint | null;

/** A sample of a histogram, and how many calls it stands for: a number above 0, which may have a fraction. */
export type WeightedSample = readonly [value: number, weight: number];

/** The type of a raw record that holds the samples of several calls of a histogram. Ours: the original agent ignores it. */
export const SAMPLES_TYPE = "samples";

/** Likewise of a record that holds a distribution's calls as a {@link Sketch}. */
export const SKETCH_TYPE = "sketch";

export type ReceivedValue =
  | { readonly type: Exclude<NumberType, "histogram" | "distribution">; readonly value: number }
  | { readonly type: "distribution"; readonly value: number | Readonly<Sketch> }
  | { readonly type: "histogram"; readonly value: number | readonly WeightedSample[] }
  | { readonly type: "set"; readonly value: readonly DistinctElement[] };

/** A raw metric as it is read: any program may have written it. */
export type ReceivedMetric = ReceivedValue & {
  readonly metric: string;
  readonly timestamp: Seconds;
  /** `["key:value", …]` in no order, as they were given. */
  readonly tags: readonly string[];
};
