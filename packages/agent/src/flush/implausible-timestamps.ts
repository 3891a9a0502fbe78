/** Raw records that carry a time which can't be true: they are rejected, each with its reason. */
import { type QueueNames, rejectRange, type Store } from "@chouette-iot/queue";
import { type Seconds, seconds } from "@chouette-iot/record";

/** What Datadog takes ahead of its own clock. */
export const MAX_LEAD = seconds(600);

export const UNSET_REASON = "stamped by a clock that was not set";
export const FUTURE_REASON = `stamped more than ${MAX_LEAD} s in the future`;

/** What a record's own time may be. */
export interface TimeLimits {
  /** A record of an earlier time was stamped by a clock that wasn't set. */
  readonly unset: Seconds;
  /** A record of an earlier time has expired; never before `unset`. */
  readonly earliest: number;
  /** A record of a later time is from the future: it stays in place, for as long as the clock may be behind. */
  readonly latest: number;
  /** A record of a later time is rejected; never before `latest`. */
  readonly future: number;
}

export interface RejectOptions {
  readonly store: Store;
  readonly queues: QueueNames;
  readonly now: Seconds;
}

/** Those of a time when the clock wasn't set, in an earlier boot: nothing tells any more when that was. */
export function rejectBeforeClockWasSet(
  { store, queues, now }: RejectOptions,
  floor: Seconds,
): Promise<number> {
  return rejectRange(store, placesOf(queues), { before: floor }, { reason: UNSET_REASON, at: now });
}

/** Those of a time after this. */
export function rejectFuture({ store, queues, now }: RejectOptions, future: Seconds): Promise<number> {
  const after = { score: future, id: "" };
  return rejectRange(store, placesOf(queues), { after }, { reason: FUTURE_REASON, at: now });
}

function placesOf({ rawMetrics, rejected }: QueueNames) {
  return { queue: rawMetrics, rejectedQueue: rejected };
}
