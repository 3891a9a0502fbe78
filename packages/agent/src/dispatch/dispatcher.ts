/**
 * The dispatcher: takes the records of a ready queue to an output, batch by batch, until the queue is empty.
 *
 * Promises: fresh before old, so that after an outage the present shows first, then the backlog from its
 * oldest. A batch that the output can't take holds up no other; two in a row mean that the output is down.
 * A record that can't be read is set aside with its reason; one older than it may become expires, counted.
 * What isn't admitted for now stays where it is.
 */
import { absentValueReason, expire, type Position, type StoredRecord } from "@chouette-iot/queue";
import { type Decoded, type Seconds, toSeconds } from "@chouette-iot/record";
import type { Admission } from "./byte-budget.js";
import { type DeliveryOptions, deliver, type Entry, type Obstacle, reject } from "./delivery.js";

export interface DispatcherOptions<T> extends DeliveryOptions<T> {
  decode(text: string): Decoded<T>;
  /** What may be sent now: asked before each page. */
  admission(): Admission<T>;
  /** The most records in a batch. */
  readonly batchSize: number;
  /** The age at which a record expires. */
  readonly ttl: Seconds;
  /** What is younger than this goes before the backlog. */
  readonly fresh: Seconds;
}

export interface Dispatched {
  delivered: number;
  rejected: number;
  expired: number;
  /** As sent, failed attempts included, headers and TLS aside. */
  bytes: number;
  /** Why records are left in the queue, other than not being admitted. */
  obstacle?: Obstacle;
}

/** Records a page: a batch is read in pages, so that its texts and what they are decoded to aren't all held at once. */
const PAGE = 1_000;

export class Dispatcher<T> {
  readonly #options: DispatcherOptions<T>;
  #heldBack = 0;

  constructor(options: DispatcherOptions<T>) {
    this.#options = options;
  }

  /** Records that weren't admitted, when the queue was last gone through. */
  get heldBack(): number {
    return this.#heldBack;
  }

  /** Rejects where the store does; the next call takes up what is left. */
  async dispatch(signal?: AbortSignal): Promise<Dispatched> {
    const { clock, fresh, sentBytes } = this.#options;
    await sentBytes.load();
    const dispatched: Dispatched = { delivered: 0, rejected: 0, expired: await this.expire(), bytes: 0 };
    const freshest = { score: toSeconds(clock.now()) - fresh, id: "" };
    await this.#dispatchAfter(freshest, dispatched, signal);
    if (dispatched.obstacle === undefined) await this.#dispatchAfter(undefined, dispatched, signal);
    return dispatched;
  }

  /** Removes what is too old, and answers with how much that was. Part of every dispatch. */
  expire(): Promise<number> {
    const { store, queue, clock, ttl } = this.#options;
    return expire(store, queue, toSeconds(clock.now()) - ttl);
  }

  /** Everything after the position, in order. */
  async #dispatchAfter(
    start: Position | undefined,
    dispatched: Dispatched,
    signal?: AbortSignal,
  ): Promise<void> {
    let failedInARow = 0;
    for await (const batch of this.#batches(start, dispatched)) {
      if (signal?.aborted) return;
      const { records, rejected, bytes, obstacle } = await deliver(batch, this.#options, signal);
      dispatched.delivered += records;
      dispatched.rejected += rejected;
      dispatched.bytes += bytes;
      failedInARow = obstacle === undefined ? 0 : failedInARow + 1;
      if (obstacle !== undefined) dispatched.obstacle = obstacle;
      if (obstacle !== undefined && (!mayFareBetter(obstacle) || failedInARow > 1)) return;
    }
  }

  /** What is admitted, in full batches: a page may hold only a few such records. */
  async *#batches(start: Position | undefined, dispatched: Dispatched): AsyncGenerator<readonly Entry<T>[]> {
    const { store, queue, batchSize } = this.#options;
    const limit = Math.min(batchSize, PAGE);
    let after = start;
    let waiting: Entry<T>[] = [];
    let heldBack = 0;
    for (;;) {
      const admission = this.#options.admission();
      if (admission === false) {
        this.#heldBack = await store.size(queue);
        return;
      }
      const page = await store.read(queue, { limit, ...(after === undefined ? {} : { after }) });
      if (page.length === 0) break;
      after = page.at(-1);
      const entries = await this.#decode(page, dispatched);
      for (const entry of entries) {
        if (admission === true || admission(entry.record, entry.id)) waiting.push(entry);
        else heldBack += 1;
      }
      if (waiting.length >= batchSize) {
        yield waiting.slice(0, batchSize);
        waiting = waiting.slice(batchSize);
      }
    }
    if (start === undefined) this.#heldBack = heldBack;
    if (waiting.length > 0) yield waiting;
  }

  async #decode(page: readonly StoredRecord[], dispatched: Dispatched): Promise<readonly Entry<T>[]> {
    const batch: Entry<T>[] = [];
    const unusable: (StoredRecord & { readonly reason: string })[] = [];
    for (const record of page) {
      const { score, id, value } = record;
      const decoded =
        value === undefined
          ? ({ ok: false, reason: absentValueReason(record) } as const)
          : this.#options.decode(value);
      if (!decoded.ok) unusable.push({ score, id, value, reason: decoded.reason });
      else batch.push({ score, id, value: value ?? "", record: decoded.record });
    }
    if (unusable.length > 0) await reject(unusable, this.#options);
    dispatched.rejected += unusable.length;
    return batch;
  }
}

/** Whether another batch may be taken where this one wasn't. */
function mayFareBetter(obstacle: Obstacle): boolean {
  return obstacle.kind === "unavailable" && obstacle.answered && obstacle.retryAfter === undefined;
}
