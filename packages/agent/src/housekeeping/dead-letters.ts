/**
 * The bounds of the dead-letter queue, in time, number and bytes: the oldest leave first.
 *
 * Promises: the queue can't fill the device, whatever is refused. What leaves is counted, as expired or evicted, once:
 * by the settlement that found it there. What it costs is to read each dead letter once after it came and once before
 * it leaves; its size is remembered in between.
 */
import { expire, fateCounter, type Position, type Store, type StoredRecord } from "@chouette-iot/queue";
import { type Seconds, toSeconds } from "@chouette-iot/record";
import type { Clock } from "../clock.js";

export interface DeadLetterLimits {
  readonly maxRecords: number;
  readonly maxBytes: number;
  /** The age at which one expires. */
  readonly ttl: Seconds;
}

/** Dead letters are for a person to look at: more of them say nothing more. */
export const MAX_DEAD_LETTER_BYTES = 64 * 1024 * 1024;
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
  /** Of the records up to the last one that was read. */
  #records = 0;
  #bytes = 0;
  #last: Position | undefined;

  constructor(store: Store, queue: string, clock: Clock) {
    this.#store = store;
    this.#queue = queue;
    this.#clock = clock;
  }

  /** Removes what is over a limit. Rejects where the store does. */
  async bound({ maxRecords, maxBytes, ttl }: DeadLetterLimits): Promise<void> {
    this.#records -= await expire(this.#store, this.#queue, toSeconds(this.#clock.now()) - ttl);
    await this.#readOn();
    const size = await this.#store.size(this.#queue);
    // Others took some out, or stored some before the last: what was read says nothing any more.
    if (size !== this.#records) await this.#readAgain();
    while (this.#records > maxRecords || this.#bytes > maxBytes) {
      const excess = Math.max(this.#records - maxRecords, 0);
      const page = await this.#store.read(this.#queue, { limit: Math.min(excess || PAGE, PAGE) });
      if (page.length === 0) return;
      const evicted = this.#bytes > maxBytes ? firstBytes(page, this.#bytes - maxBytes, excess) : page;
      await this.#store.settle({
        remove: [{ queue: this.#queue, records: evicted, counter: fateCounter(this.#queue, "evicted") }],
      });
      this.#records -= evicted.length;
      this.#bytes -= bytesOf(evicted);
    }
  }

  async #readAgain(): Promise<void> {
    this.#records = 0;
    this.#bytes = 0;
    this.#last = undefined;
    await this.#readOn();
  }

  async #readOn(): Promise<void> {
    for (;;) {
      const from = this.#last === undefined ? {} : { after: this.#last };
      const page = await this.#store.read(this.#queue, { ...from, limit: PAGE });
      const last = page.at(-1);
      if (last === undefined) return;
      this.#records += page.length;
      this.#bytes += bytesOf(page);
      this.#last = { score: last.score, id: last.id };
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
