/**
 * Has the queue let go of what the output took, also if the store fails, or goes back in time, between the two.
 *
 * Promises: what this process has seen delivered is not sent again, and counted once. A record that has another value
 * by now stays: a store with older data may have had its window made again. It loses nothing: what it remembers, one
 * batch, is gone with the process, and then the batch is sent once more.
 */
import {
  counterName,
  pages,
  type Settlement,
  StaleEpochError,
  type Store,
  type StoredRecord,
} from "@chouette-iot/queue";

/** Records a page. */
const PAGE = 1_000;

export class DeliveredBatches {
  readonly #store: Store;
  readonly #queue: string;
  /** Of the store when the queue was read. */
  #epoch: number;
  /** By id. Of the batch whose settlement isn't known to be in the store. */
  #unsettled: ReadonlyMap<string, StoredRecord> = new Map();

  constructor(store: Store, queue: string) {
    this.#store = store;
    this.#queue = queue;
    this.#epoch = store.epoch;
  }

  /** To be called before the queue is read: settles what couldn't be settled before. Rejects if the store does. */
  async begin(): Promise<void> {
    this.#epoch = this.#store.epoch;
    if (this.#unsettled.size > 0) await this.#settleUnchanged();
  }

  /**
   * Removes and counts what is there of a batch that the output took.
   *
   * @param state to be written in the same settlement
   */
  async settle(
    batch: readonly StoredRecord[],
    state: ReadonlyMap<string, string | undefined>,
  ): Promise<void> {
    this.#unsettled = new Map(batch.map((record) => [record.id, record]));
    try {
      await this.#store.settle({ ...this.#removal(batch), state, onlyInEpoch: this.#epoch });
      this.#unsettled = new Map();
    } catch (error) {
      if (!(error instanceof StaleEpochError)) throw error;
      await this.#settleUnchanged();
    }
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

  #removal(records: readonly StoredRecord[]): Pick<Settlement, "remove"> {
    return { remove: [{ queue: this.#queue, records, counter: counterName(this.#queue, "delivered") }] };
  }
}
