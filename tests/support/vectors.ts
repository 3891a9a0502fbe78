/** Windows of raw records with the results of the original's two wrappers (`fixtures/aggregation.json`). */
import { readFileSync } from "node:fs";
import type { ReadyMetric } from "@chouette-iot/record";

export interface AggregationVector {
  readonly wrapper: "datadog" | "simple";
  readonly interval: number;
  readonly histogram_aggregates: readonly ("max" | "median" | "avg" | "count" | "min" | "sum")[];
  readonly histogram_percentiles: readonly number[];
  readonly window_start: number;
  readonly raw: readonly { readonly timestamp: number }[];
  readonly wrapped: readonly ReadyMetric[];
}

/** With tags in lower case: the original leaves that to Datadog. */
export const AGGREGATION_VECTORS: readonly AggregationVector[] = recorded().map((vector) => ({
  ...vector,
  wrapped: vector.wrapped.map(({ tags, ...rest }) => ({
    ...rest,
    tags: tags.map((tag) => tag.toLowerCase()),
  })),
}));

function recorded(): readonly AggregationVector[] {
  return JSON.parse(readFileSync(new URL("../fixtures/aggregation.json", import.meta.url), "utf8"));
}

/** By name and tags, so that two lists of the same metrics are in the same order. */
export function inOrder<T extends { readonly metric: string; readonly tags: readonly string[] }>(
  metrics: readonly T[],
): readonly T[] {
  const key = ({ metric, tags }: T) => JSON.stringify([metric, tags]);
  return [...metrics].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** Whether two numbers are the same but for the order in which floating-point sums were taken. */
export function isClose(actual: number, expected: number): boolean {
  return Math.abs(actual - expected) <= 1e-9 * Math.max(Math.abs(actual), Math.abs(expected));
}
