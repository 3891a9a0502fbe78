/**
 * The bounds of the dead-letter queue, in time, number and bytes: the oldest leave first.
 *
 * Promises: the queue can't fill the device, whatever is refused. What leaves is counted, as expired or evicted, once:
 * by the settlement that found it there. What it costs is to read each dead letter once after it came and once before
 * it leaves; its size is remembered in between.
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
  /** The age at which one expires. */
  readonly ttl: Seconds;
}

/** Dead letters are for a person to look at: more of them say nothing more. */
const MAX_DEAD_LETTER_BYTES = 64 * 1024 * 1024;
/** Of the store's own limit, so that they don't take a small store's room from what can still be sent. */
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
  /** Of the records up to the last one that was read. */
  #records = 0;
  #bytes = 0;
  #last: Position | undefined;

  constructor(store: Store, queue: string, clock: Clock) {
    this.#store = store;
    this.#queue = queue;
    this.#clock = clock;
    this.#future = new FutureLimit(clock);
  }

  /** Removes what is over a limit. Rejects if the store does. */
  async bound({ maxRecords, maxBytes, ttl }: DeadLetterLimits): Promise<void> {
    await this.#expire(ttl);
    await this.#readOn();
    const size = await this.#store.size(this.#queue);
    // Others took some out, or stored some before the last: what was read says nothing any more.
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

  /** Those that are too old, and those from further in the future than they may become old, which never would be. */
  async #expire(ttl: Seconds): Promise<void> {
    const now = toSeconds(this.#clock.now());
    this.#records -= await expire(this.#store, this.#queue, { before: now - ttl });
    // A clock that isn't set has them all in its future.
    if (now < CLOCK_FLOOR) return;
    const after = { score: this.#future.limit(now + ttl), id: "" };
    this.#records -= await expire(this.#store, this.#queue, { after });
  }

  async #readAgain(): Promise<void> {
    this.#records = 0;
    this.#bytes = 0;
    this.#last = undefined;
    await this.#readOn();
  }

  async #readOn(): Promise<void> {
    for await (const page of pages(this.#store, this.#queue, { after: this.#last, limit: PAGE })) {
      const { score, id } = page.at(-1) ?? page[0];
      this.#records += page.length;
      this.#bytes += bytesOf(page);
      this.#last = { score, id };
    }
  }
}

/** The first of these that have so many bytes together, and at least so many of them. */
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
