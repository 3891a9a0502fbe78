/** Raw records that carry a time which can't be true: they are set aside, each with its reason. */
import { fateCounter, type Position, type QueueNames, type Store } from "@chouette-iot/queue";
import { type Seconds, seconds } from "@chouette-iot/record";
import { rejectUnusable } from "./rejections.js";

/** What Datadog takes ahead of its own clock. */
const MOST_LEAD = seconds(600);
const PAGE = 2_000;

export interface Misstamped {
  readonly store: Store;
  readonly queues: QueueNames;
  readonly now: Seconds;
}

/** Those of a time when the clock wasn't set, in an earlier boot: nothing tells any more when that was. */
export function rejectUnset(misstamped: Misstamped, floor: Seconds): Promise<number> {
  return rejectRange(misstamped, { before: floor }, "stamped by a clock that was not set");
}

/** Those of a time that is further off than a clock may be ahead. */
export function rejectFuture(misstamped: Misstamped): Promise<number> {
  const after = { score: misstamped.now + MOST_LEAD, id: "" };
  return rejectRange(misstamped, { after }, `stamped more than ${MOST_LEAD} s in the future`);
}

async function rejectRange(
  { store, queues, now }: Misstamped,
  range: { readonly after?: Position; readonly before?: number },
  reason: string,
): Promise<number> {
  let rejected = 0;
  for (;;) {
    const records = await store.read(queues.rawMetrics, { ...range, limit: PAGE });
    if (records.length === 0) return rejected;
    await store.settle({
      remove: [{ queue: queues.rawMetrics, records }],
      add: [
        {
          queue: queues.rejected,
          records: records.map((record) => rejectUnusable({ record, reason }, queues, now)),
        },
      ],
      count: new Map([
        [fateCounter(queues.rawMetrics, "rejected"), records.length],
        [fateCounter(queues.rejected, "accepted"), records.length],
      ]),
    });
    rejected += records.length;
  }
}
