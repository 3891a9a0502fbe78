/** The cap on the store's size: what matters least leaves first, the oldest before the newer, and is counted. */
import type { BrokerStore } from "./broker-store.js";
import { fateCounter } from "./fates.js";
import type { QueueNames } from "./names.js";

const PAGE = 1_000;

/**
 * Removes records until the store's content takes at most this many bytes. What was set aside leaves first, then
 * logs, then raw metrics, then ready ones, of which one stands for many raw ones.
 *
 * @returns how many left
 */
export async function makeRoom(store: BrokerStore, queues: QueueNames, mostBytes: number): Promise<number> {
  let displaced = 0;
  for (const queue of [queues.rejected, queues.logs, queues.rawMetrics, queues.readyMetrics]) {
    while (store.bytes() > mostBytes) {
      const records = await store.read(queue, { limit: PAGE });
      if (records.length === 0) break;
      await store.settle({
        remove: [{ queue, records }],
        count: new Map([[fateCounter(queue, "displaced"), records.length]]),
      });
      displaced += records.length;
    }
  }
  return displaced;
}
