/**
 * Removes delivered records from their queue, even if the store fails, or returns with older data, after the delivery.
 *
 * Promises: a batch whose delivery this process has seen is not sent again, and is counted once. That includes the last
 * settled batches, if records of the queue would count twice. A record whose value has changed meanwhile stays: after the store
 * lost data, its window may have been emitted again. Remembers batches in memory: if the process crashes before a batch is
 * settled, it is sent once more.
 */
import {
  counterName,
  type Position,
  pages,
  type Settlement,
  StaleEpochError,
  type Store,
  type StoredRecord,
} from "@chouette-iot/queue";
import type { RememberedRecords } from "./remembered-records.js";

/** Records per page. */
const PAGE = 1_000;

export class DeliveredBatches {
  readonly #store: Store;
  readonly #queue: string;
  readonly #remembered: RememberedRecords | undefined;
  /** The store's epoch when the queue was read. */
  #epoch: number;
  /** By id: the records of a delivered batch whose settlement isn't confirmed. */
  #unsettled: ReadonlyMap<string, StoredRecord> = new Map();

  constructor(store: Store, queue: string, remembered: RememberedRecords | undefined) {
    this.#store = store;
    this.#queue = queue;
    this.#remembered = remembered;
    this.#epoch = store.epoch;
  }

  /** Call before reading the queue: settles the batch that couldn't be settled before. Rejects if the store does. */
  async begin(): Promise<void> {
    this.#epoch = this.#store.epoch;
    if (this.#unsettled.size > 0) await this.#settleUnchanged();
  }

  /**
   * Removes and counts the records of a delivered batch that are still in the queue.
   *
   * @param state to be written in the same settlement
   */
  async settle(
    batch: readonly StoredRecord[],
    state: ReadonlyMap<string, string | undefined>,
  ): Promise<void> {
    this.#unsettled = new Map(batch.map((record) => [record.id, record]));
    this.#remembered?.add(batch);
    try {
      await this.#store.settle({ ...this.#removal(batch), state, onlyInEpoch: this.#epoch });
      this.#unsettled = new Map();
    } catch (error) {
      if (!(error instanceof StaleEpochError)) throw error;
      await this.#settleUnchanged();
    }
  }

  /** Removes and counts records that the output has accepted. Most were settled before, and aren't counted again. */
  async settleAccepted(records: readonly Position[]): Promise<void> {
    if (records.length > 0) await this.#store.settle(this.#removal(records));
  }

  /** Settles the records of a page that were delivered before, and returns the others. Rejects if the store does. */
  async withoutDelivered(page: readonly StoredRecord[]): Promise<readonly StoredRecord[]> {
    const remembered = this.#remembered;
    const delivered = remembered === undefined ? [] : page.filter((record) => remembered.has(record));
    if (delivered.length === 0) return page;
    await this.settleAccepted(delivered);
    const settled = new Set(delivered);
    return page.filter((record) => !settled.has(record));
  }

  async #settleUnchanged(): Promise<void> {
    const scores = [...this.#unsettled.values()].map(({ score }) => score);
    const first = scores.reduce((least, score) => Math.min(least, score));
    const last = scores.reduce((most, score) => Math.max(most, score));
    const { epoch } = this.#store;
    const range = { after: { score: first, id: "" }, limit: PAGE };
    for await (const page of pages(this.#store, this.#queue, range)) {
      const unchanged = page.filter(({ id, value }) => this.#unsettled.get(id)?.value === value);
      if (unchanged.length > 0) await this.#store.settle({ ...this.#removal(unchanged), onlyInEpoch: epoch });
      if (page[0].score > last) break;
    }
    this.#unsettled = new Map();
  }

  #removal(records: readonly Position[]): Pick<Settlement, "remove"> {
    return { remove: [{ queue: this.#queue, records, counter: counterName(this.#queue, "delivered") }] };
  }
}
