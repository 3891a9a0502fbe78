/**
 * Shows records as the pipeline moves them, for `chouette tap` and `chouette top`.
 *
 * Records move only by settlements, so a wrapper around the store sees each record once, after it has moved: what watchers see
 * adds up to the ledger. Promises: without watchers, it costs a comparison per page and settlement. With watchers, memory is
 * bounded; values that don't fit are missing, which the watcher counts. A watcher that throws is removed.
 */
import type { Settlement, Store, StoredRecord } from "@chouette-iot/queue";
import { queueKind } from "./sums.js";

export interface Moved {
  readonly queue: string;
  readonly id: string;
  /** How it left the queue, such as `aggregated` or `delivered`; undefined if it entered the queue. */
  readonly left?: string | undefined;
  /** The stored text; undefined if it is no longer known. */
  readonly value: string | undefined;
}

export type Watcher = (moved: readonly Moved[]) => void;

/** Limit of remembered values (read and still in their queues), in characters. */
const MAX_REMEMBERED = 8 * 1024 * 1024;

export class RecordTap {
  readonly #watchers = new Set<Watcher>();
  /** By queue and id. */
  readonly #values = new Map<string, string>();
  #remembered = 0;

  /** @returns stops watching */
  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher);
    return () => {
      this.#watchers.delete(watcher);
      if (this.#watchers.size === 0) this.#forgetAll();
    };
  }

  /** Wraps the store: watchers see the records that move in it. */
  store(store: Store): Store {
    return {
      get epoch() {
        return store.epoch;
      },
      append: (queue, records) => store.append(queue, records),
      read: async (queue, options) => {
        const page = await store.read(queue, options);
        if (this.#watchers.size > 0) this.#remember(queue, page);
        return page;
      },
      orphans: (queue, limit) => store.orphans(queue, limit),
      settle: async (settlement) => {
        await store.settle(settlement);
        if (this.#watchers.size > 0) this.#show(movedBy(settlement, (queue, id) => this.#take(queue, id)));
      },
      size: (queue) => store.size(queue),
      state: (keys) => store.state(keys),
      stateWithPrefix: (prefix) => store.stateWithPrefix(prefix),
      counters: () => store.counters(),
      close: () => store.close(),
    };
  }

  #remember(queue: string, page: readonly StoredRecord[]): void {
    if (queueKind(queue) === undefined) return;
    for (const { id, value } of page) {
      const key = keyOf(queue, id);
      if (value === undefined || this.#values.has(key)) continue;
      if (this.#remembered + value.length > MAX_REMEMBERED) this.#forgetAll();
      this.#values.set(key, value);
      this.#remembered += value.length;
    }
  }

  #take(queue: string, id: string): string | undefined {
    const key = keyOf(queue, id);
    const value = this.#values.get(key);
    if (value === undefined) return undefined;
    this.#values.delete(key);
    this.#remembered -= value.length;
    return value;
  }

  #forgetAll(): void {
    this.#values.clear();
    this.#remembered = 0;
  }

  #show(moved: readonly Moved[]): void {
    if (moved.length === 0) return;
    for (const watcher of this.#watchers) {
      try {
        watcher(moved);
      } catch {
        // A fault of a watcher must not affect the pipeline.
        this.#watchers.delete(watcher);
      }
    }
  }
}

function movedBy(
  { remove = [], add = [] }: Settlement,
  take: (queue: string, id: string) => string | undefined,
): readonly Moved[] {
  const left = remove.flatMap(({ queue, records, counter }) => {
    // A counter is the queue's name and the disposition.
    const disposition = counter?.slice(queue.length + 1);
    return records.map(({ id }) => ({ queue, id, left: disposition, value: take(queue, id) }));
  });
  const entered = add.flatMap(({ queue, records }) => records.map(({ id, value }) => ({ queue, id, value })));
  return [...left.filter((moved) => "left" in moved), ...entered];
}

function keyOf(queue: string, id: string): string {
  return `${queue}\0${id}`;
}
