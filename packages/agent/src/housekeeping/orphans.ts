/**
 * Orphans: values that a client stored without giving their ids a time, in queues whose reader never meets them. (The
 * flush finds those of the raw queue. Ids without a value are in the order, so that every reader finds them.)
 *
 * Promises: none stays forever. One that is met twice, a minute apart, becomes a dead letter with its reason; until
 * then its id may still come. One among the dead letters itself expires, counted.
 */
import { counterName, orphanRejection, type QueueNames, type Store } from "@chouette-iot/queue";
import type { Seconds } from "@chouette-iot/record";

const LIMIT = 1_000;

export class Orphans {
  readonly #store: Store;
  readonly #names: QueueNames;
  readonly #met = new Map<string, ReadonlySet<string>>();

  constructor(store: Store, names: QueueNames) {
    this.#store = store;
    this.#names = names;
  }

  /** Takes out what it met the last time as well; to be called about once a minute. Rejects if the store does. */
  async remove(now: Seconds): Promise<void> {
    const { readyMetrics, logs, rejected } = this.#names;
    for (const queue of [readyMetrics, logs, rejected]) await this.#removeFrom(queue, now);
  }

  async #removeFrom(queue: string, now: Seconds): Promise<void> {
    const { rejected } = this.#names;
    const orphans = await this.#store.orphans(queue, LIMIT);
    const before = this.#met.get(queue);
    this.#met.set(queue, new Set(orphans.map(({ id }) => id)));
    const old = orphans.filter(({ id }) => before?.has(id));
    if (old.length === 0) return;
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
