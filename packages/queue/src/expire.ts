/** Expiry: what is too old leaves its queue, and is counted in the same step. */
import { fateCounter } from "./fates.js";
import type { Position, Store } from "./store.js";

const PAGE = 5_000;

/**
 * Removes every record whose score, in seconds, is less than `before`, in bounded steps, and raises the
 * queue's counter of expired records with each.
 *
 * @returns how many were removed
 */
export async function expire(store: Store, queue: string, before: number): Promise<number> {
  let expired = 0;
  let from: { readonly after?: Position } = {};
  for (;;) {
    const records = await store.read(queue, { ...from, before, limit: PAGE });
    const after = records.at(-1);
    if (after === undefined) return expired;
    await store.settle({
      remove: [{ queue, records, counter: fateCounter(queue, "expired") }],
    });
    expired += records.length;
    from = { after };
  }
}
