/**
 * The store of the simulated device, which records everything that leaves it: what a settlement drops is noted with its
 * reason, independently of the agent's counters.
 *
 * It can be reset to an earlier state, like a Redis server that restarts with its last snapshot.
 */
import {
  type NewRecord,
  queueNames,
  type Settlement,
  StaleEpochError,
  type Store,
  type StoredRecord,
} from "@chouette-iot/queue";
import { amountOf, sketchAsCount, Tally } from "./accounts.js";

export const QUEUES = queueNames();
/** Dispositions without a dead letter. */
const UNDELIVERED: ReadonlySet<string> = new Set(["expired", "evicted", "displaced", "purged", "damaged"]);

/** What the store is made of. */
export interface Engine {
  /** With nothing in it. What the one before held is gone. */
  emptyStore(): Promise<Store>;
}

export interface Hooks {
  /** A ready metric left that will never be sent. */
  onReadyDropped(value: string): void;
  /** A log left in another way than by delivery. */
  onLogDropped(value: string): void;
}

/** What is restored together with the queues. */
interface Saved {
  readonly queues: ReadonlyMap<string, readonly StoredRecord[]>;
  readonly state: ReadonlyMap<string, string>;
  readonly counters: ReadonlyMap<string, number>;
  readonly dropped: Tally;
}

export class WatchedStore {
  readonly #engine: Engine;
  readonly #hooks: Hooks;
  #store: Store;
  #dropped = new Tally();
  #epoch = 1;
  /** One at a time, so that what left by a settlement is known. */
  #settling = Promise.resolve();

  /** @param store of the engine, empty */
  constructor(engine: Engine, store: Store, hooks: Hooks) {
    this.#engine = engine;
    this.#store = store;
    this.#hooks = hooks;
  }

  /** The engine itself. */
  get store(): Store {
    return this.#store;
  }

  /** Another one after each restart of the server. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Amounts of raw records that were dropped with a reason. */
  get dropped(): Tally {
    return this.#dropped;
  }

  settle(settlement: Settlement): Promise<void> {
    const settled = this.#settling.then(() => this.#settle(settlement));
    this.#settling = settled.catch(() => {});
    return settled;
  }

  async #settle({ onlyInEpoch = this.#epoch, ...settlement }: Settlement): Promise<void> {
    if (onlyInEpoch !== this.#epoch) throw new StaleEpochError();
    const { remove = [], add = [] } = settlement;
    const before = new Map<string, readonly StoredRecord[]>();
    for (const { queue } of remove) before.set(queue, await this.all(queue));
    await this.#store.settle(settlement);
    for (const { queue, records } of add) {
      // A dead letter has the dropped record, or the sum of several, as a record of its queue.
      if (queue === QUEUES.rejected) for (const { value } of records) this.#dropLetter(value);
    }
    for (const { queue, records, counter } of remove) {
      if (!UNDELIVERED.has(counter?.slice(queue.length + 1) ?? "")) continue;
      const removed = new Set(records.map(({ id }) => id));
      const left = new Set((await this.all(queue)).map(({ id, score }) => `${score} ${id}`));
      for (const { id, score, value = "" } of before.get(queue) ?? [])
        if (removed.has(id) && !left.has(`${score} ${id}`)) this.#drop(queue, value);
    }
  }

  #dropLetter(letter: string): void {
    const { queue, value } = JSON.parse(letter) as { readonly queue: string; readonly value: string };
    this.#drop(queue, value);
  }

  #drop(queue: string, value: string): void {
    if (queue === QUEUES.rawMetrics) this.#dropped.add(amountOf(value));
    else if (queue === QUEUES.readyMetrics) this.#hooks.onReadyDropped(value);
    else if (queue === QUEUES.sketches) this.#hooks.onReadyDropped(sketchAsCount(value));
    else if (queue === QUEUES.logs) this.#hooks.onLogDropped(value);
  }

  async all(queue: string): Promise<readonly StoredRecord[]> {
    return this.#store.read(queue, { limit: Number.MAX_SAFE_INTEGER });
  }

  async save(): Promise<Saved> {
    const queues = new Map<string, readonly StoredRecord[]>();
    for (const queue of Object.values(QUEUES)) queues.set(queue, [...(await this.all(queue))]);
    const state = await this.#store.stateWithPrefix("");
    return { queues, state, counters: await this.#store.counters(), dropped: this.#dropped.copy() };
  }

  async restore({ queues, state, counters, dropped }: Saved): Promise<void> {
    const store = await this.#engine.emptyStore();
    const add = [...queues].map(([queue, records]) => ({
      queue,
      records: records.map(({ score, id, value = "" }): NewRecord => ({ score, id, value })),
    }));
    await store.settle({ add, state, count: counters });
    this.#store = store;
    this.#epoch += 1;
    this.#dropped = dropped.copy();
  }
}
