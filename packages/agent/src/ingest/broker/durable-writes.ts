/**
 * Batches on their way to the store. What can't be stored is answered with an error and counted; the outage is
 * told once when it begins and once when it ends.
 */
import type { BrokerStore } from "@chouette-iot/queue";
import type { Outage } from "../../outage.js";
import type { BrokerCounters } from "./counters.js";
import { type Failure, failure } from "./reply.js";
import type { WriteBatch } from "./write-batch.js";

export class DurableWrites {
  readonly #store: BrokerStore;
  readonly #counters: BrokerCounters;
  readonly #outage: Outage;

  constructor(store: BrokerStore, counters: BrokerCounters, outage: Outage) {
    this.#store = store;
    this.#counters = counters;
    this.#outage = outage;
  }

  /** Resolves when the batch is durable, or with the error to answer where it can't be stored. Never rejects. */
  async write(batch: WriteBatch): Promise<Failure | undefined> {
    try {
      await this.#store.write(batch.writes(), batch.notes);
      this.#outage.end();
      return undefined;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#counters.failedWrites++;
      this.#outage.begin(reason);
      return failure(`MISCONF Chouette can't write to its store: ${reason}`);
    }
  }
}
