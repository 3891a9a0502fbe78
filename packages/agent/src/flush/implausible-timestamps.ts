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

export interface RejectOptions {
  readonly store: Store;
  readonly queues: QueueNames;
  readonly now: Seconds;
}

/** Rejects records that an earlier boot stamped before its clock was set: their time can no longer be determined. */
export function rejectBeforeClockWasSet(
  { store, queues, now }: RejectOptions,
  floor: Seconds,
): Promise<number> {
  return rejectRange(store, placesOf(queues), { before: floor }, { reason: UNSET_REASON, at: now });
}

/** Rejects records stamped after `future`. */
export function rejectFuture({ store, queues, now }: RejectOptions, future: Seconds): Promise<number> {
  const after = { score: future, id: "" };
  return rejectRange(store, placesOf(queues), { after }, { reason: FUTURE_REASON, at: now });
}

function placesOf({ rawMetrics, rejected }: QueueNames) {
  return { queue: rawMetrics, rejectedQueue: rejected };
}
