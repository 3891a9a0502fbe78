/**
 * Batches to the store, with its outages told: once when one begins, once, with its length, when it ends.
 */
import type { BrokerStore } from "@chouette-iot/queue";
import type { Milliseconds } from "@chouette-iot/record";
import type { Clock } from "../../clock.js";
import type { BrokerLog } from "./broker.js";
import type { BrokerCounters } from "./counters.js";

import { type Failure, failure } from "./reply.js";
import type { WriteBatch } from "./write-batch.js";

export class DurableWrites {
  readonly #store: BrokerStore;
  readonly #log: BrokerLog;
  readonly #counters: BrokerCounters;
  readonly #clock: Clock;
  #failingSince: Milliseconds | undefined;

  constructor(store: BrokerStore, log: BrokerLog, counters: BrokerCounters, clock: Clock) {
    this.#store = store;
    this.#log = log;
    this.#counters = counters;
    this.#clock = clock;
  }

  /** Resolves when the batch is durable, or with the error to answer where it can't be stored. */
  async write(batch: WriteBatch): Promise<Failure | undefined> {
    try {
      await this.#store.write(batch.writes(), batch.notes);
    } catch (error) {
      return this.#failed(error);
    }
    this.#succeeded();
    return undefined;
  }

  #failed(error: unknown): Failure {
    this.#counters.failedWrites++;
    if (this.#failingSince === undefined) {
      this.#failingSince = this.#clock.monotonic();
      this.#log.error({ err: error }, "can't store what clients send: they are answered with an error");
    }
    const reason = error instanceof Error ? error.message : String(error);
    return failure(`MISCONF Chouette can't write to its store: ${reason}`);
  }

  #succeeded(): void {
    if (this.#failingSince === undefined) return;
    const seconds = Math.round((this.#clock.monotonic() - this.#failingSince) / 1000);
    this.#failingSince = undefined;
    this.#log.info({ seconds }, "storing what clients send again");
  }
}
