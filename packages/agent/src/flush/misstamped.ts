/** Raw records that carry a time which can't be true: they are rejected, each with its reason. */
import { fateCounter, type Position, type QueueNames, type Store } from "@chouette-iot/queue";
import { type Seconds, seconds } from "@chouette-iot/record";
import { pagesOf } from "./pages.js";
import { rejectUnusable } from "./rejections.js";

/** What Datadog takes ahead of its own clock. */
export const MAX_LEAD = seconds(600);
const PAGE = 2_000;

export const UNSET_REASON = "stamped by a clock that was not set";
export const FUTURE_REASON = `stamped more than ${MAX_LEAD} s in the future`;

/** What a record's own time may be. */
export interface TimeLimits {
  /** A record of an earlier time was stamped by a clock that wasn't set. */
  readonly unset: Seconds;
  /** A record of an earlier time has expired; never before `unset`. */
  readonly earliest: number;
  /** A record of a later time is from the future. */
  readonly latest: number;
  /** Whether records of the future are rejected; otherwise they stay where they are. */
  readonly isFutureRejected: boolean;
}

export interface Misstamped {
  readonly store: Store;
  readonly queues: QueueNames;
  readonly now: Seconds;
}

/** Those of a time when the clock wasn't set, in an earlier boot: nothing tells any more when that was. */
export function rejectUnset(misstamped: Misstamped, floor: Seconds): Promise<number> {
  return rejectRange(misstamped, { before: floor }, UNSET_REASON);
}

/** Those of a time that is further off than a clock may be ahead. */
export function rejectFuture(misstamped: Misstamped): Promise<number> {
  const after = { score: misstamped.now + MAX_LEAD, id: "" };
  return rejectRange(misstamped, { after }, FUTURE_REASON);
}

async function rejectRange(
  { store, queues, now }: Misstamped,
  range: { readonly after?: Position; readonly before?: number },
  reason: string,
): Promise<number> {
  let rejected = 0;
  for await (const records of pagesOf(store, queues.rawMetrics, range, () => PAGE)) {
    await store.settle({
      remove: [{ queue: queues.rawMetrics, records, counter: fateCounter(queues.rawMetrics, "rejected") }],
      add: [
        {
          queue: queues.rejected,
          records: records.map((record) => rejectUnusable({ record, reason }, queues, now)),
        },
      ],
      count: new Map([[fateCounter(queues.rejected, "accepted"), records.length]]),
    });
    rejected += records.length;
  }
  return rejected;
}
