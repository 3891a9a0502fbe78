/** What may not stay in its queue by its time: it expires, or becomes a dead letter, counted in the same step. */
import type { Seconds } from "@chouette-iot/record";
import { rejection } from "./dead-letter.js";
import { counterName, type Disposition } from "./disposition.js";
import { pages } from "./pages.js";
import type { Position, Store } from "./store.js";

const PAGE = 5_000;
/** Values are held twice while they become dead letters. */
const LETTERS_PAGE = 2_000;

/** Records of a queue by their scores, in seconds. */
export interface ScoreRange {
  /** Only those after this position. */
  readonly after?: Position;
  /** Only those whose score is less than this. */
  readonly before?: number;
}

/**
 * Removes every record of the range, in bounded steps, and raises the queue's counter of the fate with each.
 *
 * @returns how many were removed
 */
export async function expire(
  store: Store,
  queue: string,
  range: ScoreRange,
  fate: Extract<Disposition, "expired" | "too_old"> = "expired",
): Promise<number> {
  let expired = 0;
  for await (const records of pages(store, queue, { ...range, limit: PAGE })) {
    await store.settle({ remove: [{ queue, records, counter: counterName(queue, fate) }] });
    expired += records.length;
  }
  return expired;
}

/**
 * Makes a dead letter of every record of the range, in bounded steps.
 *
 * @param at the time of the rejection
 * @returns how many became dead letters
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
