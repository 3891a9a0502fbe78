/**
 * The outbox: batches of records that wait in memory for the broker.
 *
 * Promises: it is bounded in records and in bytes. Beyond either limit the oldest batch leaves, to the spill if there is one,
 * and its calls resolve to false. If the process is killed, its records are lost.
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
  /** A batch of the queue has been started, or is full. */
  onWaiting(queue: string, full: boolean): void;
  /** The outbox was full: this batch, the oldest, has left it. */
  onOverflow(batch: Batch): void;
}

export class Outbox {
  readonly #limits: OutboxLimits;
  readonly #listener: OutboxListener;
  /** Oldest first. */
  readonly #sealed: Batch[] = [];
  readonly #open = new Map<string, Batch>();
  /** All batches that aren't stored or dropped yet, including those being sent. */
  readonly #live = new Set<Batch>();
  readonly #numbers = new BatchNumbers();
  #records = 0;
  #bytes = 0;

  constructor(limits: OutboxLimits, listener: OutboxListener) {
    this.#limits = limits;
    this.#listener = listener;
  }

  /**
   * Adds a metric to the queue's open batch.
   *
   * @param value JSON: a finite number, or the text of an array or object
   * @param score seconds since the epoch, as text
   * @returns the batch's answer; never rejects
   */
  addMetric(queue: string, context: MetricContext, value: number | string, score: string): Promise<boolean> {
    const batch = this.#open.get(queue) ?? this.#begin(queue);
    return this.#added(batch, batch.addMetric(context, value, score));
  }

  /** Adds a log, event or service check, like `addMetric`. @param text its JSON */
  addText(queue: string, text: string, score: string): Promise<boolean> {
    const batch = this.#open.get(queue) ?? this.#begin(queue);
    return this.#added(batch, batch.addText(text, score));
  }

  get records(): number {
    return this.#records;
  }

  /** Whether the queue has a batch that takes further records. */
  hasOpen(queue: string): boolean {
    return this.#open.has(queue);
  }

  // The next methods are about the queues whose names begin with the prefix: those of a shard, or all.

  isEmpty(prefix = ""): boolean {
    for (const { queue } of this.#live) if (queue.startsWith(prefix)) return false;
    return true;
  }

  hasSealed(prefix = ""): boolean {
    return this.#sealed.some(({ queue }) => queue.startsWith(prefix));
  }

  /** Seals the open batches, so that they are sent without waiting for more records. */
  sealAll(prefix = ""): void {
    for (const batch of this.#open.values()) if (batch.queue.startsWith(prefix)) this.#seal(batch);
  }

  /** Takes the oldest sealed batch. It counts as waiting until it is settled. */
  take(prefix = ""): Batch | undefined {
    const index = this.#sealed.findIndex(({ queue }) => queue.startsWith(prefix));
    return index < 0 ? undefined : this.#sealed.splice(index, 1)[0];
  }

  /** Returns a batch that was not stored: it will be sent first. */
  putBack(batch: Batch): void {
    this.#sealed.unshift(batch);
  }

  /**
   * Offers batches older than `age` milliseconds, until `take` declines one. A batch that is taken leaves the outbox, and its
   * calls resolve to false.
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

  /** Resolves all pending calls to false. Returns whether there were any. */
  answerAllFalse(): boolean {
    return [...this.#live].filter((batch) => batch.answerFalse()).length > 0;
  }

  /** Concludes a batch as stored or dropped. */
  settle(batch: Batch, stored: boolean): void {
    if (!this.#live.delete(batch)) return;
    this.#records -= batch.records;
    this.#bytes -= batch.bytes;
    batch.settle(stored);
  }

  /** Drops all batches. Returns the number of their records. */
  dropAll(): number {
    const records = this.#records;
    for (const batch of this.#live) this.settle(batch, false);
    this.#open.clear();
    this.#sealed.length = 0;
    return records;
  }

  /** Resolves when all batches that are waiting now are stored or dropped. */
  async settled(): Promise<void> {
    await Promise.all([...this.#live].map((batch) => batch.fate));
  }

  #added(batch: Batch, weight: number): Promise<boolean> {
    this.#records++;
    this.#bytes += weight;
    if (batch.isFull) this.#seal(batch);
    this.#makeRoom();
    return batch.answer;
  }

  #begin(queue: string): Batch {
    const batch = new Batch(queue, this.#numbers.next(), this.#limits.answerTimeout);
    this.#open.set(queue, batch);
    this.#live.add(batch);
    this.#listener.onWaiting(queue, false);
    return batch;
  }

  #seal(batch: Batch): void {
    this.#open.delete(batch.queue);
    this.#sealed.push(batch);
    this.#listener.onWaiting(batch.queue, true);
  }

  /** Drops batches beyond the limits, except those being sent, which may be stored already. */
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
