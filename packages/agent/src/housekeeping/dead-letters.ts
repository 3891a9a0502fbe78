/**
 * Bounds the dead-letter queue in age, number and bytes: the oldest are removed first.
 *
 * Promises: the queue can't fill the device, however much is refused. Each removed dead letter is counted once, as expired
 * or evicted, by the settlement that removes it. Cost: each one is read once after it came and once before it is
 * removed; in between, only the sums are kept.
 */
import {
  counterName,
  expire,
  type Position,
  pages,
  type Store,
  type StoredRecord,
} from "@chouette-iot/queue";
import { type Seconds, toSeconds } from "@chouette-iot/record";
import { CLOCK_FLOOR, type Clock, FutureLimit } from "../runtime/clock.js";

export interface DeadLetterLimits {
  readonly maxRecords: number;
  readonly maxBytes: number;
  /** Age at which a dead letter expires. */
  readonly ttl: Seconds;
}

/** Dead letters are read by people: more than this is of no use. */
const MAX_DEAD_LETTER_BYTES = 64 * 1024 * 1024;
/** Share of the store's limit, so that in a small store they don't displace records that can still be sent. */
const SHARE_OF_STORE = 1 / 8;
const PAGE = 2_000;

/** @param storeLimit in bytes; undefined if the store has none */
export function maxDeadLetterBytes(storeLimit: number | undefined): number {
  return Math.min(MAX_DEAD_LETTER_BYTES, (storeLimit ?? Number.POSITIVE_INFINITY) * SHARE_OF_STORE);
}

export class DeadLetters {
  readonly #store: Store;
  readonly #queue: string;
  readonly #clock: Clock;
  readonly #future: FutureLimit;
  /** Number and bytes of the dead letters up to `#last`, the last one that was read. */
  #records = 0;
  #bytes = 0;
  #last: Position | undefined;

  constructor(store: Store, queue: string, clock: Clock) {
    this.#store = store;
    this.#queue = queue;
    this.#clock = clock;
    this.#future = new FutureLimit(clock);
  }

  /** Removes dead letters over a limit. Rejects if the store does. */
  async bound({ maxRecords, maxBytes, ttl }: DeadLetterLimits): Promise<void> {
    await this.#expire(ttl);
    await this.#readNew();
    const size = await this.#store.size(this.#queue);
    // Others removed some, or added some with an earlier time: the sums are wrong.
    if (size !== this.#records) await this.#readAgain();
    const isOver = () => this.#records > maxRecords || this.#bytes > maxBytes;
    if (!isOver()) return;
    const limit = () => Math.min(Math.max(this.#records - maxRecords, 0) || PAGE, PAGE);
    for await (const page of pages(this.#store, this.#queue, { limit })) {
      const excess = Math.max(this.#records - maxRecords, 0);
      const evicted = this.#bytes > maxBytes ? firstBytes(page, this.#bytes - maxBytes, excess) : page;
      await this.#store.settle({
        remove: [{ queue: this.#queue, records: evicted, counter: counterName(this.#queue, "evicted") }],
      });
      this.#records -= evicted.length;
      this.#bytes -= bytesOf(evicted);
      if (!isOver()) return;
    }
  }

  /** Removes those that are too old, and those from a future so far that they would practically never expire. */
  async #expire(ttl: Seconds): Promise<void> {
    const now = toSeconds(this.#clock.now());
    this.#records -= await expire(this.#store, this.#queue, { before: now - ttl });
    // If the clock isn't set, all of them are in its future.
    if (now < CLOCK_FLOOR) return;
    const after = { score: this.#future.limit(now + ttl), id: "" };
    this.#records -= await expire(this.#store, this.#queue, { after });
  }

  async #readAgain(): Promise<void> {
    this.#records = 0;
    this.#bytes = 0;
    this.#last = undefined;
    await this.#readNew();
  }

  async #readNew(): Promise<void> {
    for await (const page of pages(this.#store, this.#queue, { after: this.#last, limit: PAGE })) {
      const { score, id } = page.at(-1) ?? page[0];
      this.#records += page.length;
      this.#bytes += bytesOf(page);
      this.#last = { score, id };
    }
  }
}

/** The first records of the page: at least this number of them, with at least this many bytes together. */
function firstBytes(page: readonly StoredRecord[], bytes: number, atLeast: number): readonly StoredRecord[] {
  let sum = 0;
  const count = page.findIndex((record, index) => {
    sum += bytesOf([record]);
    return sum >= bytes && index + 1 >= atLeast;
  });
  return count < 0 ? page : page.slice(0, count + 1);
}

function bytesOf(records: readonly StoredRecord[]): number {
  return records.reduce(
    (sum, { value = "", oversizeBytes }) => sum + (oversizeBytes ?? Buffer.byteLength(value)),
    0,
  );
}
