/**
 * Writes batches to the store. A batch that can't be stored is answered with an error and counted; the outage is reported once
 * when it begins and once when it ends.
 */
import { asStoreError, type BrokerStore } from "@chouette-iot/queue";
import { messageOf } from "@chouette-iot/record";
import { beginOutage, endOutages, type LoopOutages } from "../../runtime/outage.js";
import type { BrokerCounters } from "./broker-counters.js";
import type { ClientMarkers, StateChanges } from "./client-markers.js";
import type { MemoryBudget } from "./memory-budget.js";
import { type Failure, failure } from "./reply.js";
import type { WriteBatch } from "./write-batch.js";

export interface DurableWritesOptions {
  readonly store: BrokerStore;
  readonly markers: ClientMarkers;
  readonly memory: MemoryBudget;
  readonly counters: BrokerCounters;
  readonly outages: LoopOutages;
}

export class DurableWrites {
  readonly #options: DurableWritesOptions;

  constructor(options: DurableWritesOptions) {
    this.#options = options;
  }

  /**
   * Stores the batch.
   *
   * @returns undefined if it is durable, or the error to reply if it can't be stored; a promise of that, which never rejects,
   *   if it isn't possible immediately
   */
  write(batch: WriteBatch): Failure | undefined | Promise<Failure | undefined> {
    const { store, markers } = this.#options;
    const state = markers.stateFor(batch.markers);
    try {
      // A program that stores one record at a time waits for each: turns of the event loop would be most of the time.
      if (!store.writeNow(batch.writes(), state)) return this.#writeLater(batch, state);
      return this.#stored();
    } catch (error) {
      return this.#refused(error, state);
    }
  }

  async #writeLater(batch: WriteBatch, state: StateChanges): Promise<Failure | undefined> {
    const { store, memory } = this.#options;
    const stored = memory.storing(batch.heldBytes);
    try {
      await store.write(batch.writes(), state);
      return this.#stored();
    } catch (error) {
      return this.#refused(error, state);
    } finally {
      stored();
    }
  }

  #stored(): undefined {
    endOutages(this.#options.outages);
  }

  #refused(error: unknown, state: StateChanges): Failure {
    const { markers, counters, outages } = this.#options;
    markers.notStored(state);
    counters.failedWrites++;
    beginOutage(asStoreError(error), outages);
    return failure(`MISCONF Chouette can't write to its store: ${messageOf(error)}`);
  }
}
