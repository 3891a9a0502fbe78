/**
 * Stores records in batches, each record once.
 *
 * Promises: if the answer to a batch was lost, the batch is stored again only if it isn't in the store: each batch sets a marker
 * to its number, and each attempt depends on the previous marker. Batches keep their order. Beyond the limits, the oldest
 * waiting batch is dropped and counted. Records in memory are lost if the process is killed.
 */
import { randomBytes } from "node:crypto";
import { type NewRecord, StaleSettlementError, type Store } from "@chouette-iot/queue";
import { messageOf, milliseconds } from "@chouette-iot/record";
import type { Clock } from "../../runtime/clock.js";
import type { Outage } from "../../runtime/outage.js";
import { within } from "../../runtime/promises.js";
import type { StatsdCounters } from "./counters.js";

interface Batch {
  readonly number: number;
  readonly records: ReadonlyMap<string, readonly NewRecord[]>;
  readonly count: number;
  /** Length of all values, in characters. */
  readonly length: number;
}

export interface OutboxOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly counters: StatsdCounters;
  readonly outage: Outage;
  /** Number of outboxes that share the limits. */
  readonly shares?: number;
}

const MAX_BATCH_RECORDS = 5_000;
const MAX_BATCH_LENGTH = 1024 * 1024;
/** Limits of waiting records while the store is unavailable. */
const MAX_WAITING_RECORDS = 50_000;
const MAX_WAITING_LENGTH = 16 * 1024 * 1024;
const RETRY = milliseconds(1_000);
/** A store that hangs must not keep the agent from stopping. */
const CLOSE_TIMEOUT = milliseconds(3_000);
const PREFIX = "statsd:";
const DAY = 86_400;
const SECOND = 1_000;

export class StatsdOutbox {
  readonly #options: OutboxOptions;
  /** Prefix of ids: unique to this process, and sorted after those of earlier processes. */
  readonly #process = `${Date.now().toString(36)}${randomBytes(4).toString("hex")}`;
  readonly #marker = PREFIX + this.#process;
  #markerText: string | undefined;
  #open = new Map<string, NewRecord[]>();
  #openCount = 0;
  #openLength = 0;
  readonly #waiting: Batch[] = [];
  #waitingRecords = 0;
  #waitingLength = 0;
  #batches = 0;
  #ids = 0;
  #isSealing = false;
  #running: Promise<void> | undefined;
  readonly #closing = new AbortController();

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** @param score Unix time in seconds */
  add(queue: string, value: string, score: number): void {
    const id = `${this.#process}${(++this.#ids).toString(36).padStart(9, "0")}`;
    const records = this.#open.get(queue);
    if (records === undefined) this.#open.set(queue, [{ score, id, value }]);
    else records.push({ score, id, value });
    this.#openCount++;
    this.#openLength += value.length;
    if (this.#openCount >= MAX_BATCH_RECORDS || this.#openLength >= MAX_BATCH_LENGTH) this.#seal();
    else if (!this.#isSealing) {
      this.#isSealing = true;
      // After all records of the current packet or flush.
      setImmediate(() => {
        this.#isSealing = false;
        this.#seal();
      });
    }
  }

  /** Stores waiting records, within a time limit, and deletes the marker. */
  async close(): Promise<void> {
    this.#seal();
    this.#closing.abort();
    if (this.#running !== undefined) await within(CLOSE_TIMEOUT, this.#running);
    this.#options.counters.dropped += this.#waitingRecords;
    if (this.#markerText === undefined || this.#waiting.length > 0) return;
    // If it fails, a later start removes the marker.
    await this.#options.store.settle({ state: new Map([[this.#marker, undefined]]) }).catch(() => {});
  }

  #seal(): void {
    if (this.#openCount === 0) return;
    const batch = { records: this.#open, count: this.#openCount, length: this.#openLength };
    this.#open = new Map();
    this.#openCount = 0;
    this.#openLength = 0;
    this.#waiting.push({ ...batch, number: ++this.#batches });
    this.#waitingRecords += batch.count;
    this.#waitingLength += batch.length;
    // Not the first one: it is being stored.
    while (this.#isFull() && this.#waiting.length > 2) {
      const [dropped] = this.#waiting.splice(1, 1);
      this.#options.counters.dropped += dropped?.count ?? 0;
      this.#leave(dropped);
    }
    this.#running ??= this.#storeAll().finally(() => {
      this.#running = undefined;
    });
  }

  #isFull(): boolean {
    const { shares = 1 } = this.#options;
    return (
      this.#waitingRecords > MAX_WAITING_RECORDS / shares || this.#waitingLength > MAX_WAITING_LENGTH / shares
    );
  }

  #leave(batch: Batch | undefined): void {
    this.#waitingRecords -= batch?.count ?? 0;
    this.#waitingLength -= batch?.length ?? 0;
  }

  async #storeAll(): Promise<void> {
    const { clock, outage, counters } = this.#options;
    for (let batch = this.#waiting[0]; batch !== undefined; batch = this.#waiting[0]) {
      try {
        await this.#store(batch);
        outage.end();
        counters.stored += batch.count;
        this.#waiting.shift();
        this.#leave(batch);
      } catch (error) {
        outage.begin(messageOf(error));
        if (this.#closing.signal.aborted) return;
        await clock.sleep(RETRY, this.#closing.signal);
      }
    }
  }

  async #store(batch: Batch): Promise<void> {
    const { store, clock } = this.#options;
    const isOwn = (text: string | undefined) => text?.startsWith(`${batch.number} `) ?? false;
    for (;;) {
      const text = `${batch.number} ${Math.floor(clock.now() / SECOND)}`;
      try {
        await store.settle({
          onlyWhile: new Map([[this.#marker, this.#markerText]]),
          add: [...batch.records].map(([queue, records]) => ({ queue, records })),
          state: new Map([[this.#marker, text]]),
        });
        this.#markerText = text;
        return;
      } catch (error) {
        if (!(error instanceof StaleSettlementError)) throw error;
      }
      // An earlier attempt succeeded, or the store came back with older data.
      [this.#markerText] = await store.state([this.#marker]);
      if (isOwn(this.#markerText)) return;
    }
  }
}

/** Removes markers of killed processes: those that are over a day old. Rejects if the store does. */
export async function removeOldMarkers(store: Store, clock: Clock): Promise<void> {
  const before = clock.now() / SECOND - DAY;
  const markers = await store.stateWithPrefix(PREFIX);
  const old = [...markers].filter(([, text]) => !(Number(text.split(" ")[1]) > before));
  if (old.length > 0) await store.settle({ state: new Map(old.map(([key]) => [key, undefined])) });
}
