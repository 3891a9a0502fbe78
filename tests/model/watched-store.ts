/**
 * The store under the simulated device, with everything that leaves it seen: what a settlement drops is taken down
 * with its reason, whatever the agent counts.
 *
 * It can be put back to an earlier state, as a Redis server that starts again with the file it wrote last.
 */
import {
  type NewRecord,
  type Position,
  queueNames,
  type Settlement,
  type Store,
  type StoredRecord,
} from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { amountOf, Tally } from "./accounts.js";

export const QUEUES = queueNames();
/** Where records of a queue may be on their way to another time. */
const STAGES = ["", ":rebasing"] as const;

export interface Hooks {
  /** A ready metric left that will never be sent. */
  onReadyDropped(value: string): void;
  /** A log left in another way than by delivery. */
  onLogDropped(value: string): void;
}

/** What is restored together with the queues. */
interface Saved {
  readonly queues: ReadonlyMap<string, readonly StoredRecord[]>;
  readonly notes: ReadonlyMap<string, string>;
  readonly counters: ReadonlyMap<string, number>;
  readonly dropped: Tally;
}

export class WatchedStore {
  readonly #isByPosition: boolean;
  readonly #hooks: Hooks;
  #store: Store;
  #dropped = new Tally();

  /** @param isByPosition a known id with another score is another record, as in the embedded store */
  constructor(isByPosition: boolean, hooks: Hooks) {
    this.#isByPosition = isByPosition;
    this.#hooks = hooks;
    this.#store = this.#newStore();
  }

  /** The engine itself. */
  get store(): Store {
    return this.#store;
  }

  /** Amounts of raw records that were dropped with a reason. */
  get dropped(): Tally {
    return this.#dropped;
  }

  async settle(settlement: Settlement): Promise<void> {
    const { remove = [], add = [] } = settlement;
    const before = new Map<string, readonly StoredRecord[]>();
    for (const { queue } of remove) before.set(queue, await this.all(queue));
    await this.#store.settle(settlement);
    const rejected = new Set(
      add
        .filter(({ queue }) => queue === QUEUES.rejected)
        .flatMap(({ records }) => records.map(({ value }) => (JSON.parse(value) as { value: string }).value)),
    );
    const isMove = add.some(({ queue }) => remove.some((removal) => stem(removal.queue) === stem(queue)));
    for (const { queue, records, counter } of remove) {
      const removed = new Set(records.map(({ id }) => id));
      const left = new Set((await this.all(queue)).map(({ id, score }) => `${score} ${id}`));
      for (const { id, score, value = "" } of before.get(queue) ?? []) {
        if (!removed.has(id) || left.has(`${score} ${id}`)) continue;
        const fate = counter?.slice(queue.length + 1);
        const isDropped =
          rejected.has(value) ||
          ["expired", "evicted", "displaced", "purged", "damaged"].includes(fate ?? "");
        if (isDropped) this.#drop(stem(queue), value);
        else if (!isMove && stem(queue) === QUEUES.rawMetrics) continue;
      }
    }
  }

  #drop(queue: string, value: string): void {
    if (queue === QUEUES.rawMetrics) this.#dropped.add(amountOf(value));
    else if (queue === QUEUES.readyMetrics) this.#hooks.onReadyDropped(value);
    else if (queue === QUEUES.logs) this.#hooks.onLogDropped(value);
  }

  async all(queue: string): Promise<readonly StoredRecord[]> {
    return this.#store.read(queue, { limit: Number.MAX_SAFE_INTEGER });
  }

  /** What waits in a queue, on its way to another time included. */
  async pending(queue: string): Promise<readonly StoredRecord[]> {
    const stages = await Promise.all(STAGES.map((stage) => this.all(queue + stage)));
    return stages.flat();
  }

  async save(): Promise<Saved> {
    const queues = new Map<string, readonly StoredRecord[]>();
    for (const queue of Object.values(QUEUES))
      for (const stage of STAGES) queues.set(queue + stage, [...(await this.all(queue + stage))]);
    const notes = await this.#store.notesUnder("");
    return { queues, notes, counters: await this.#store.counters(), dropped: this.#dropped.copy() };
  }

  async restore({ queues, notes, counters, dropped }: Saved): Promise<void> {
    const store = this.#newStore();
    const add = [...queues].map(([queue, records]) => ({
      queue,
      records: records.map(({ score, id, value = "" }): NewRecord => ({ score, id, value })),
    }));
    await store.settle({ add, notes, count: counters });
    this.#store = store;
    this.#dropped = dropped.copy();
  }

  #newStore(): Store {
    const store = new MemoryStore();
    return this.#isByPosition ? byPosition(store) : store;
  }
}

/** `chouette:metrics:raw` of `chouette:metrics:raw:rebasing`. */
function stem(queue: string): string {
  return queue.replace(/:rebasing$/, "");
}

/** A store in which the id and the score together say which record it is. */
function byPosition(store: MemoryStore): Store {
  const inward = <P extends Position>(position: P): P => ({
    ...position,
    id: `${position.id}\0${position.score}`,
  });
  const outward = (record: StoredRecord): StoredRecord => ({ ...record, id: record.id.split("\0")[0] ?? "" });
  return {
    append: (queue, records) => store.append(queue, records.map(inward)),
    read: async (queue, { after, ...options }) => {
      const page = await store.read(
        queue,
        after === undefined ? options : { ...options, after: inward(after) },
      );
      return page.map(outward);
    },
    settle: ({ remove, add, ...rest }) =>
      store.settle({
        ...rest,
        ...(remove === undefined
          ? {}
          : { remove: remove.map((removal) => ({ ...removal, records: removal.records.map(inward) })) }),
        ...(add === undefined
          ? {}
          : { add: add.map(({ queue, records }) => ({ queue, records: records.map(inward) })) }),
      }),
    strays: () => store.strays(),
    size: (queue) => store.size(queue),
    notes: (keys) => store.notes(keys),
    notesUnder: (prefix) => store.notesUnder(prefix),
    counters: () => store.counters(),
    close: () => store.close(),
  };
}
