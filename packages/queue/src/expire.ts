/** Removes a queue's records by their time: they expire or become dead letters, and are counted in the same step. */
import type { Seconds } from "@chouette-iot/record";
import { rejection } from "./dead-letter.js";
import { counterName, type Disposition } from "./disposition.js";
import { pages } from "./pages.js";
import type { Position, Store } from "./store.js";

const PAGE = 5_000;
/** Smaller, as each value is in memory twice while it becomes a dead letter. */
const LETTERS_PAGE = 2_000;

/** A range of a queue's records by score, in seconds since the epoch. */
export interface ScoreRange {
  /** Only records after this position. */
  readonly after?: Position;
  /** Only records with a score below this. */
  readonly before?: number;
}

/**
 * Removes every record of the range, in bounded steps, each counted under the disposition.
 *
 * @returns the number of removed records
 */
export async function expire(
  store: Store,
  queue: string,
  range: ScoreRange,
  disposition: Extract<Disposition, "expired" | "too_old"> = "expired",
): Promise<number> {
  let expired = 0;
  for await (const records of pages(store, queue, { ...range, limit: PAGE })) {
    await store.settle({ remove: [{ queue, records, counter: counterName(queue, disposition) }] });
    expired += records.length;
  }
  return expired;
}

/**
 * Moves every record of the range to the dead letters, in bounded steps.
 *
 * @param at time of the rejection, in seconds since the epoch
 * @returns the number of moved records
 */
export async function rejectRange(
  store: Store,
  { queue, rejectedQueue }: { readonly queue: string; readonly rejectedQueue: string },
  range: ScoreRange,
  { reason, at }: { readonly reason: string; readonly at: Seconds },
): Promise<number> {
  let count = 0;
  for await (const records of pages(store, queue, { ...range, limit: LETTERS_PAGE })) {
    const rejected = records.map((record) => ({ ...record, reason }));
    await store.settle(rejection({ queue, rejectedQueue, at }, rejected));
    count += records.length;
  }
  return count;
}
