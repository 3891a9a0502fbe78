/** Enforces the store's size limit: evicts the least important records first, the oldest of each queue, and counts them. */
import { counterName } from "./disposition.js";
import { orphanPages, pages } from "./pages.js";
import type { QueueNames } from "./queue-names.js";
import type { Store } from "./store.js";

const PAGE = 1_000;

export interface SizeLimit {
  /** Current bytes of the store's content. */
  bytes(): number;
  readonly maxBytes: number;
}

/**
 * Removes records until the store's content is within the limit: first orphans, which nobody can use, then dead letters,
 * then logs, events and checks, then raw metrics, then sketches and ready metrics, each of which represents many raw ones.
 *
 * A record that is settled concurrently is counted once, by the settlement that finds it.
 *
 * @returns the number of removed records
 */
export async function evictUntil(
  store: Pick<Store, "read" | "orphans" | "settle">,
  queues: QueueNames,
  { bytes, maxBytes }: SizeLimit,
): Promise<number> {
  const { rejected, logs, events, checks, rawMetrics, sketches, readyMetrics } = queues;
  const order = [rejected, logs, events, checks, rawMetrics, sketches, readyMetrics];
  let evicted = 0;
  for (const queue of order) {
    if (bytes() <= maxBytes) return evicted;
    for await (const orphans of orphanPages(store, queue, PAGE)) {
      await store.settle({
        removeOrphans: [{ queue, ids: orphans.map(({ id }) => id) }],
        count: new Map([[counterName(queue, "displaced"), orphans.length]]),
      });
      evicted += orphans.length;
      if (bytes() <= maxBytes) return evicted;
    }
  }
  for (const queue of order) {
    if (bytes() <= maxBytes) return evicted;
    for await (const records of pages(store, queue, { limit: PAGE })) {
      await store.settle({ remove: [{ queue, records, counter: counterName(queue, "displaced") }] });
      evicted += records.length;
      if (bytes() <= maxBytes) return evicted;
    }
  }
  return evicted;
}
