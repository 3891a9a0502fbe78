/**
 * Records on their way to the store: gathered for a moment, stored in one step, and each of them once.
 *
 * Promises: a batch whose answer was lost is stored again only if it isn't there: with each batch a marker is set to the
 * batch's number, and the next attempt depends on the marker that came before. Batches keep their order. Beyond its limits
 * the oldest batch that waits is dropped and counted. It loses what is in memory when the process dies.
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
  /** Of the values, in characters. */
  readonly length: number;
}

export interface OutboxOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly counters: StatsdCounters;
  readonly outage: Outage;
}

const MAX_BATCH_RECORDS = 5_000;
const MAX_BATCH_LENGTH = 1024 * 1024;
/** What may wait while the store is unavailable. */
const MAX_WAITING_RECORDS = 50_000;
const MAX_WAITING_LENGTH = 16 * 1024 * 1024;
const RETRY = milliseconds(1_000);
/** A store that hangs must not keep the agent from ending. */
const CLOSE_TIMEOUT = milliseconds(3_000);
const PREFIX = "statsd:";
const DAY = 86_400;
const SECOND = 1_000;

export class StatsdOutbox {
  readonly #options: OutboxOptions;
  /** Of this process alone, and later than those of earlier ones, in the order of ids. */
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
      // What a flush or a packet brings comes before this.
      setImmediate(() => {
        this.#isSealing = false;
        this.#seal();
      });
    }
  }

  /** Stores what waits, for as long as the store takes it, and forgets the marker. */
  async close(): Promise<void> {
    this.#seal();
    this.#closing.abort();
    if (this.#running !== undefined) await within(CLOSE_TIMEOUT, this.#running);
    if (this.#running !== undefined) this.#options.counters.dropped += this.#waitingRecords;
    if (this.#markerText === undefined || this.#waiting.length > 0) return;
    // A marker that stays is removed by a later start.
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
    // The first one is under way: it may be stored already.
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
    return this.#waitingRecords > MAX_WAITING_RECORDS || this.#waitingLength > MAX_WAITING_LENGTH;
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
      // An earlier attempt was stored, or the store came back with older data.
      [this.#markerText] = await store.state([this.#marker]);
      if (isOwn(this.#markerText)) return;
    }
  }
}

/** Removes the markers that processes left which were killed; those of a day may be in use. */
export async function removeOldMarkers(store: Store, clock: Clock): Promise<void> {
  const before = clock.now() / SECOND - DAY;
  const markers = await store.stateWithPrefix(PREFIX);
  const old = [...markers].filter(([, text]) => !(Number(text.split(" ")[1]) > before));
  if (old.length > 0) await store.settle({ state: new Map(old.map(([key]) => [key, undefined])) });
}
