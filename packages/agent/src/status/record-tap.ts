/**
 * A view of records as the pipeline moves them: `chouette tap` and `chouette top` watch it.
 *
 * A record moves by a settlement and in no other way, so that one wrapper around the store sees each record once, when it
 * has moved: what watchers see adds up to the ledger. Promises: while nobody watches, it costs a comparison for each page
 * and settlement. While somebody does, memory is bounded; values that don't fit are missing, and counted by the watcher.
 * A watcher that throws is removed.
 */
import type { QueueNames, Settlement, Store, StoredRecord } from "@chouette-iot/queue";

export interface Moved {
  readonly queue: string;
  readonly id: string;
  /** How it left its queue, such as `aggregated` or `delivered`; undefined if it entered it. */
  readonly left?: string | undefined;
  /** As it is stored; undefined if it is no longer known. */
  readonly value: string | undefined;
}

export type Watcher = (moved: readonly Moved[]) => void;

/** Characters of values that were read and haven't left their queues. */
const MAX_REMEMBERED = 8 * 1024 * 1024;

export class RecordTap {
  readonly #queues: ReadonlySet<string>;
  readonly #watchers = new Set<Watcher>();
  /** By queue and id. */
  readonly #values = new Map<string, string>();
  #remembered = 0;

  constructor(queues: QueueNames) {
    this.#queues = new Set(Object.values(queues));
  }

  /** @returns ends it */
  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher);
    return () => {
      this.#watchers.delete(watcher);
      if (this.#watchers.size === 0) this.#forgetAll();
    };
  }

  /** The store, with what moves in it shown to the watchers. */
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
    if (!this.#queues.has(queue)) return;
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
        // A fault of the view must not become one of the pipeline.
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
    // A counter is the queue's name and the record's fate.
    const fate = counter?.slice(queue.length + 1);
    return records.map(({ id }) => ({ queue, id, left: fate, value: take(queue, id) }));
  });
  const entered = add.flatMap(({ queue, records }) => records.map(({ id, value }) => ({ queue, id, value })));
  return [...left.filter((moved) => "left" in moved), ...entered];
}

function keyOf(queue: string, id: string): string {
  return `${queue}\0${id}`;
}
