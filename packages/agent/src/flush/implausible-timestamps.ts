/** Rejects raw records whose timestamps can't be right, each with its reason. */
import { type QueueNames, rejectRange, type Store } from "@chouette-iot/queue";
import { type Seconds, seconds } from "@chouette-iot/record";

/** How far ahead of its own clock Datadog accepts timestamps. */
export const MAX_LEAD = seconds(600);

export const UNSET_REASON = "stamped by a clock that was not set";
export const FUTURE_REASON = `stamped more than ${MAX_LEAD} s in the future`;

/** Limits of a record's own timestamp. */
export interface TimeLimits {
  /** Earlier records were stamped by a clock that wasn't set. */
  readonly unset: Seconds;
  /** Earlier records have expired; never before `unset`. */
  readonly earliest: number;
  /** Later records are from the future: they stay in the queue while this agent's clock may be behind. */
  readonly latest: number;
  /** Later records are rejected; never before `latest`. */
  readonly future: number;
}

/**
 * Rejects the records of the raw queue that are outside of the limits. An earlier boot stamped those before `unset` before
 * its clock was set: their time can no longer be determined.
 *
 * @returns their number
 */
export async function rejectImplausible(
  store: Store,
  { rawMetrics: queue, rejected: rejectedQueue }: QueueNames,
  { unset, future }: Pick<TimeLimits, "unset" | "future">,
  at: Seconds,
): Promise<number> {
  const reject = (range: Parameters<typeof rejectRange>[2], reason: string) =>
    rejectRange(store, { queue, rejectedQueue }, range, { reason, at });
  const early = await reject({ before: unset }, UNSET_REASON);
  return early + (await reject({ after: { score: future, id: "" } }, FUTURE_REASON));
}
