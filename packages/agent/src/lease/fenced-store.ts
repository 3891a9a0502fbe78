/**
 * The store for the holder of the lease: no settlement is applied once another agent has the lease.
 *
 * Promises: after a failed settlement, nothing is read or settled before the lease has been taken again. By then the
 * failed one, whose answer may be lost or whose bytes may wait in a buffer, has been applied or never will be. Once another
 * agent had the lease, even for a moment, every call rejects for good: state that was read through this store may be
 * outdated, and the work must begin again.
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
  #confirming: Promise<void> | undefined;
  #lost: string | undefined;

  /** @param onLost called once, before the call rejects that found that another agent has or had the lease */
  constructor(store: Store, lease: Lease, onLost: (reason: string) => void) {
    this.#store = store;
    this.#lease = lease;
    this.#onLost = onLost;
  }

  get epoch(): number {
    return this.#store.epoch;
  }

  async settle(settlement: Settlement): Promise<void> {
    await this.#confirm();
    const onlyWhile = new Map([...(settlement.onlyWhile ?? []), ...this.#lease.fence]);
    await this.#invalidateOnError(() => this.#store.settle({ ...settlement, onlyWhile }));
  }

  /** Shows other agents that this one lives. Rejects if the store does, or if another agent has the lease. */
  async heartbeat(): Promise<void> {
    await this.#confirm();
    await this.#invalidateOnError(() => this.#lease.heartbeat());
  }

  async append(queue: string, records: readonly NewRecord[]): Promise<void> {
    return this.#store.append(queue, records);
  }

  async read(queue: string, options: ReadOptions) {
    await this.#confirm();
    return this.#store.read(queue, options);
  }

  async orphans(queue: string, limit: number) {
    await this.#confirm();
    return this.#store.orphans(queue, limit);
  }

  async state(keys: readonly string[]) {
    await this.#confirm();
    return this.#store.state(keys);
  }

  async stateWithPrefix(prefix: string) {
    await this.#confirm();
    return this.#store.stateWithPrefix(prefix);
  }

  async size(queue: string) {
    return this.#store.size(queue);
  }

  async counters() {
    return this.#store.counters();
  }

  async close(): Promise<void> {}

  async #invalidateOnError(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.#isConfirmed = false;
      if (error instanceof StaleSettlementError) await this.#confirm();
      throw error;
    }
  }

  async #confirm(): Promise<void> {
    if (this.#isConfirmed) return;
    this.#confirming ??= this.#takeAgain().finally(() => {
      this.#confirming = undefined;
    });
    await this.#confirming;
  }

  async #takeAgain(): Promise<void> {
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
