/**
 * Batches on their way to the store. What can't be stored is answered with an error and counted; the outage is
 * told once when it begins and once when it ends.
 */

import { asStoreError, type BrokerStore } from "@chouette-iot/queue";
import { messageOf } from "@chouette-iot/record";
import { beginOutage, endOutages, type LoopOutages } from "../../runtime/outage.js";
import type { BrokerCounters } from "./broker-counters.js";
import type { ClientMarkers } from "./client-markers.js";
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

  /** Resolves when the batch is durable, or with the error to answer if it can't be stored. Never rejects. */
  async write(batch: WriteBatch): Promise<Failure | undefined> {
    const { store, markers, memory, counters, outages } = this.#options;
    const notes = markers.notesFor(batch.markers);
    const stored = memory.storing(batch.heldBytes);
    try {
      await store.write(batch.writes(), notes);
      endOutages(outages);
      return undefined;
    } catch (error) {
      const reason = messageOf(error);
      markers.notStored(notes);
      counters.failedWrites++;
      beginOutage(asStoreError(error), outages);
      return failure(`MISCONF Chouette can't write to its store: ${reason}`);
    } finally {
      stored();
    }
  }
}
