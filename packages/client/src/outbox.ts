/**
 * The outbox: records in memory that wait for the broker, in batches.
 *
 * Promises: bounded in records and in bytes. Beyond either limit the oldest batch leaves, to the spill if there is one,
 * and its calls answer false. A process that is killed loses what is here.
 */
import type { Milliseconds } from "@chouette-iot/record";
import type { MetricContext } from "@chouette-iot/record/calls";
import { monotonicNow } from "@chouette-iot/record/host";
import { Batch } from "./batch.js";
import { BatchNumbers } from "./ids.js";

export interface OutboxLimits {
  readonly bufferRecords: number;
  readonly bufferBytes: number;
  readonly answerTimeout: Milliseconds;
}

export interface OutboxListener {
  /** There is something to send: a batch was begun, or is full. */
  onWaiting(full: boolean): void;
  /** There is no room: this batch, the oldest, has left the outbox. */
  onOverflow(batch: Batch): void;
}

export class Outbox {
  readonly #limits: OutboxLimits;
  readonly #listener: OutboxListener;
  /** Oldest first. */
  readonly #sealed: Batch[] = [];
  readonly #open = new Map<string, Batch>();
  /** Every batch that isn't stored or dropped yet, those being sent included. */
  readonly #live = new Set<Batch>();
  readonly #numbers = new BatchNumbers();
  #records = 0;
  #bytes = 0;

  constructor(limits: OutboxLimits, listener: OutboxListener) {
    this.#limits = limits;
    this.#listener = listener;
  }

  /**
   * @param value JSON: a finite number, or the text of an array
   * @param score seconds since the epoch, as text
   * @returns the answer that the record's batch will get
   */
  addMetric(queue: string, context: MetricContext, value: number | string, score: string): Promise<boolean> {
    const batch = this.#open.get(queue) ?? this.#begin(queue);
    return this.#added(batch, batch.addMetric(context, value, score));
  }

  /** @param text the record's JSON */
  addText(queue: string, text: string, score: string): Promise<boolean> {
    const batch = this.#open.get(queue) ?? this.#begin(queue);
    return this.#added(batch, batch.addText(text, score));
  }

  get records(): number {
    return this.#records;
  }

  get isEmpty(): boolean {
    return this.#live.size === 0;
  }

  get hasSealed(): boolean {
    return this.#sealed.length > 0;
  }

  /** Open batches go out without waiting for more records. */
  sealAll(): void {
    for (const batch of this.#open.values()) this.#seal(batch);
  }

  /** The oldest sealed batch. It counts as waiting until it is settled. */
  take(): Batch | undefined {
    return this.#sealed.shift();
  }

  /** Returns a batch that was not stored: it goes out first. */
  putBack(batch: Batch): void {
    this.#sealed.unshift(batch);
  }

  /**
   * Offers what has waited for longer than `age` milliseconds, until `take` declines. A batch that is taken leaves the
   * outbox, and its calls answer false.
   */
  offerOlderThan(age: number, take: (batch: Batch) => boolean): void {
    const before = monotonicNow() - age;
    for (const batch of this.#open.values()) if (batch.begun <= before) this.#seal(batch);
    for (
      let oldest = this.#sealed[0];
      oldest !== undefined && oldest.begun <= before;
      oldest = this.#sealed[0]
    ) {
      if (!take(oldest)) return;
      this.#sealed.shift();
      this.settle(oldest, false);
    }
  }

  /** Answers false to all calls that still wait for their answer. Returns whether any did. */
  answerAllFalse(): boolean {
    return [...this.#live].filter((batch) => batch.answerFalse()).length > 0;
  }

  settle(batch: Batch, stored: boolean): void {
    if (!this.#live.delete(batch)) return;
    this.#records -= batch.records;
    this.#bytes -= batch.bytes;
    batch.settle(stored);
  }

  /** Drops everything that isn't stored. Returns the number of records. */
  dropAll(): number {
    const records = this.#records;
    for (const batch of this.#live) this.settle(batch, false);
    this.#open.clear();
    this.#sealed.length = 0;
    return records;
  }

  /** Resolves when everything that waits at this moment is stored or dropped. */
  async settled(): Promise<void> {
    await Promise.all([...this.#live].map((batch) => batch.fate));
  }

  #added(batch: Batch, weight: number): Promise<boolean> {
    this.#records++;
    this.#bytes += weight;
    if (batch.isFull) this.#seal(batch);
    if (this.#records > this.#limits.bufferRecords || this.#bytes > this.#limits.bufferBytes)
      this.#makeRoom();
    return batch.answer;
  }

  #begin(queue: string): Batch {
    const batch = new Batch(queue, this.#numbers.next(), this.#limits.answerTimeout);
    this.#open.set(queue, batch);
    this.#live.add(batch);
    this.#listener.onWaiting(false);
    return batch;
  }

  #seal(batch: Batch): void {
    this.#open.delete(batch.queue);
    this.#sealed.push(batch);
    this.#listener.onWaiting(true);
  }

  /** Batches being sent can't be dropped: they may be stored already. */
  #makeRoom(): void {
    while (this.#records > this.#limits.bufferRecords || this.#bytes > this.#limits.bufferBytes) {
      if (this.#sealed.length === 0) this.sealAll();
      const oldest = this.#sealed.shift();
      if (oldest === undefined) return;
      this.settle(oldest, false);
      this.#listener.onOverflow(oldest);
    }
  }
}
