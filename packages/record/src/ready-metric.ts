/**
 * A ready metric ("wrapped" in the broker's names): what a closed window became, as it will go to Datadog.
 */
import type { Seconds } from "./time.js";

export type ReadyType = "count" | "gauge" | "rate";

/** A second since the epoch, and the value that holds there. */
export type Point = readonly [at: Seconds, value: number];

export interface ReadyMetric {
  readonly metric: string;
  readonly type: ReadyType;
  /** `["key:value", …]`, sorted. */
  readonly tags: readonly string[];
  readonly points: readonly Point[];
  /** The length in seconds of the window that a count or rate describes; a gauge has none. */
  readonly interval?: Seconds;
  /** The agent's host if it has none. */
  readonly host?: string;
}
