/**
 * A raw metric: one or several calls of an application, in the raw queue until the window closes.
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

/** An element of a set as clients store it. Anything else is converted to text before. */
export type SetElement = string | number | boolean;

export interface SetMetric {
  readonly metric: string;
  readonly type: "set";
  readonly value: readonly SetElement[];
  readonly timestamp: Seconds;
  readonly tags: Tags;
}

/** A raw metric as our client writes it. */
export type RawMetric = NumberMetric | SetMetric;

/**
 * An element of a set as it is counted, with Python's equality: true and 1.0 are 1, "1" is another element, and so is null.
 * A bigint is an integer that a double can't represent.
 */
export type DistinctElement = string | number | bigint | null;

/** A sample of a histogram, and the number of calls that it represents: above 0, possibly fractional. */
export type WeightedSample = readonly [value: number, weight: number];

/** The type of a raw record that holds the samples of several calls of a histogram. Ours: the original agent ignores it. */
export const SAMPLES_TYPE = "samples";

/** The type of a raw record that holds a distribution's calls as a {@link Sketch}. Ours as well. */
export const SKETCH_TYPE = "sketch";

export type ReceivedValue =
  | { readonly type: Exclude<NumberType, "histogram" | "distribution">; readonly value: number }
  | { readonly type: "distribution"; readonly value: number | Readonly<Sketch> }
  | { readonly type: "histogram"; readonly value: number | readonly WeightedSample[] }
  | { readonly type: "set"; readonly value: readonly DistinctElement[] };

/** A decoded raw metric, which any program may have written. */
export type ReceivedMetric = ReceivedValue & {
  readonly metric: string;
  readonly timestamp: Seconds;
  /** `["key:value", …]`, unsorted and not normalised. */
  readonly tags: readonly string[];
};
