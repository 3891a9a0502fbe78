/**
 * The store as the holder of the lease may use it: no settlement is applied once the lease is another's.
 *
 * Promises: after a settlement that failed, nothing is read or settled before the lease has been taken again. So
 * what the failed one may have left on its way (its answer was lost, its bytes wait in a buffer) was applied by then or never will
 * be, and what is read holds. Once the lease was another's, even for a moment, every call
 * rejects for good: anyone who works by this store remembers what may no longer be true, and must begin again.
 */
import {
  type NewRecord,
  type ReadOptions,
  type Settlement,
  StaleSettlementError,
  type Store,
} from "@chouette-iot/queue";
import type { Lease } from "./lease.js";

export class FencedStore implements Store {
  readonly #store: Store;
  readonly #lease: Lease;
  readonly #onLost: (reason: string) => void;
  #isConfirmed = true;
  #becomingSure: Promise<void> | undefined;
  #lost: string | undefined;

  /** @param onLost called once if the lease turns out to be or have been another's, before the call that found it rejects */
  constructor(store: Store, lease: Lease, onLost: (reason: string) => void) {
    this.#store = store;
    this.#lease = lease;
    this.#onLost = onLost;
  }

  get epoch(): number {
    return this.#store.epoch;
  }

  async settle(settlement: Settlement): Promise<void> {
    await this.#sure();
    const onlyWhile = new Map([...(settlement.onlyWhile ?? []), ...this.#lease.fence]);
    await this.#doubting(() => this.#store.settle({ ...settlement, onlyWhile }));
  }

  /** Shows others that this agent lives, or finds that the lease is another's. */
  async beat(): Promise<void> {
    await this.#sure();
    await this.#doubting(() => this.#lease.beat());
  }

  async append(queue: string, records: readonly NewRecord[]): Promise<void> {
    return this.#store.append(queue, records);
  }

  async read(queue: string, options: ReadOptions) {
    await this.#sure();
    return this.#store.read(queue, options);
  }

  async orphans(queue: string, limit: number) {
    await this.#sure();
    return this.#store.orphans(queue, limit);
  }

  async state(keys: readonly string[]) {
    await this.#sure();
    return this.#store.state(keys);
  }

  async stateWithPrefix(prefix: string) {
    await this.#sure();
    return this.#store.stateWithPrefix(prefix);
  }

  async size(queue: string) {
    return this.#store.size(queue);
  }

  async counters() {
    return this.#store.counters();
  }

  async close(): Promise<void> {}

  async #doubting(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.#isConfirmed = false;
      if (error instanceof StaleSettlementError) await this.#sure();
      throw error;
    }
  }

  async #sure(): Promise<void> {
    if (this.#isConfirmed) return;
    this.#becomingSure ??= this.#takeAnew().finally(() => {
      this.#becomingSure = undefined;
    });
    await this.#becomingSure;
  }

  async #takeAnew(): Promise<void> {
    if (this.#lost !== undefined) throw new Error(this.#lost);
    const taken = await this.#lease.take();
    if (taken.kind === "held" && taken.isUnbroken) {
      this.#isConfirmed = true;
      return;
    }
    this.#lost =
      taken.kind === "held" ? "another agent may have held the lease" : "the lease has gone to another agent";
    this.#onLost(this.#lost);
    throw new Error(this.#lost);
  }
}
