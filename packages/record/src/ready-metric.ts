/**
 * A ready metric ("wrapped" in the broker's names): the result of a closed window, as it is sent to Datadog.
 */
import type { Fields } from "./json.js";
import type { Seconds } from "./time.js";

export type ReadyType = "count" | "gauge" | "rate";

/** Seconds since the epoch, and the value at that time. */
export type Point = readonly [at: Seconds, value: number];

export interface ReadyMetric {
  readonly metric: string;
  readonly type: ReadyType;
  /** `["key:value", …]`, sorted. */
  readonly tags: readonly string[];
  readonly points: readonly Point[];
  /** Length in seconds of the window of a count or rate; a gauge has none. */
  readonly interval?: Seconds;
  /** The agent's host if it has none. */
  readonly host?: string;
}

/**
 * The host of a stored ready metric or sketch, to be spread into the record; empty if it has none. Only records that
 * another agent made and sent here have one.
 */
export function hostOf({ host }: Fields): { readonly host?: string } {
  return typeof host === "string" && host !== "" ? { host } : {};
}
