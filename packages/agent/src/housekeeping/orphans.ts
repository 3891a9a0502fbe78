/**
 * Removes orphans: values in a queue's hash whose id isn't in its sorted set, so that no reader finds them. (The flush
 * removes those of the raw queue. Readers do find the opposite, an id without a value.)
 *
 * Promises: none stays forever. An orphan that two runs find becomes a dead letter with a reason: until then a client may
 * still add its id. An orphan among the dead letters is removed and counted as expired.
 */
import { counterName, type Orphan, orphanRejection, type QueueNames, type Store } from "@chouette-iot/queue";
import type { Seconds } from "@chouette-iot/record";

const LIMIT = 1_000;

export class Orphans {
  readonly #store: Store;
  readonly #names: QueueNames;
  /** Ids of the orphans that the last run found, by queue. */
  readonly #found = new Map<string, ReadonlySet<string>>();

  constructor(store: Store, names: QueueNames) {
    this.#store = store;
    this.#names = names;
  }

  /**
   * Removes a page of those that the last run found, too. Rejects if the store does.
   *
   * @returns whether it removed some: then there may be more, and the next run shouldn't be late
   */
  async remove(now: Seconds): Promise<boolean> {
    const { rawMetrics, ...others } = this.#names;
    let hasRemoved = false;
    for (const queue of Object.values(others)) if (await this.#removeFrom(queue, now)) hasRemoved = true;
    return hasRemoved;
  }

  async #removeFrom(queue: string, now: Seconds): Promise<boolean> {
    const before = this.#found.get(queue);
    const orphans = await this.#store.orphans(queue, LIMIT);
    const old = orphans.filter(({ id }) => before?.has(id));
    if (old.length > 0) await this.#settle(queue, old, now);
    // The next page, so that each run removes one.
    const next = old.length > 0 ? await this.#store.orphans(queue, LIMIT) : orphans;
    this.#found.set(queue, new Set(next.map(({ id }) => id)));
    return old.length > 0;
  }

  async #settle(queue: string, old: readonly Orphan[], now: Seconds): Promise<void> {
    const { rejected } = this.#names;
    await this.#store.settle(
      queue === rejected
        ? {
            removeOrphans: [{ queue, ids: old.map(({ id }) => id) }],
            count: new Map([[counterName(queue, "expired"), old.length]]),
          }
        : orphanRejection({ queue, rejectedQueue: rejected, at: now }, old),
    );
  }
}
