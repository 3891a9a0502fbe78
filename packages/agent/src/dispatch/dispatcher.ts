/**
 * The dispatcher: sends the records of a ready queue to an output, batch by batch, until the queue is empty.
 *
 * Promises: fresh records are sent first, so that after an outage current values show up first, then the backlog, oldest
 * first. A batch that fails doesn't block the next; two in a row mean that the output is unavailable.
 * A record that is too old expires, and is counted. One with a score that no clock shows is never sent. Memory is bounded,
 * in number of records and in bytes.
 */
import { expire, rejectRange } from "@chouette-iot/queue";
import { type Seconds, toSeconds } from "@chouette-iot/record";
import { unavailable } from "../outputs/output.js";
import { FutureLimit } from "../runtime/clock.js";
import { BatchSize } from "./batch-size.js";
import { inBatches } from "./batches.js";
import { DeliveredBatches } from "./delivered-batches.js";
import { type Delivered, deliver, deliverSuspects, type Entry, type SendFailure } from "./delivery.js";
import { admittedPages, type PageOptions, type ScoreRange } from "./ready-pages.js";
import { Release } from "./release.js";
import type { RememberedRecords } from "./remembered-records.js";
import { storeId } from "./store-id.js";

export interface DispatcherOptions<T> extends Omit<PageOptions<T>, "delivered"> {
  /** The age at which a record expires. */
  readonly ttl: Seconds;
  /** The output would accept older records and discard them: they are dropped as `too_old`. Undefined for no limit. */
  readonly maxAge?: Seconds | undefined;
  /** Records younger than this are sent before the backlog. */
  readonly fresh: Seconds;
  /** Records that are not sent again; undefined by default, for records that may be. */
  readonly remembered?: RememberedRecords | undefined;
}

export interface Dispatched {
  delivered: number;
  rejected: number;
  expired: number;
  /** Of bodies as sent, including failed attempts, without headers and TLS. */
  bytes: number;
  /** Why records stay in the queue, apart from those that may not be sent now. */
  failure?: SendFailure | undefined;
}

export class Dispatcher<T> {
  readonly #options: DispatcherOptions<T> & PageOptions<T>;
  readonly #batchSize: BatchSize;
  readonly #future: FutureLimit;
  #deferred = 0;
  /** Whether everything that the output accepted is settled. */
  #isResumed = false;

  constructor(options: DispatcherOptions<T>) {
    const { store, queue, remembered } = options;
    this.#options = { ...options, delivered: new DeliveredBatches(store, queue, remembered) };
    this.#batchSize = new BatchSize(options.batchSize);
    this.#future = new FutureLimit(options.clock);
  }

  /** How many records weren't allowed to be sent when the queue was last read to its end. */
  get deferred(): number {
    return this.#deferred;
  }

  /** Rejects if the store does; the next call continues with the rest. */
  async dispatch(signal?: AbortSignal): Promise<Dispatched> {
    const { clock, fresh, sentBytes, delivered } = this.#options;
    await sentBytes.load();
    await delivered.begin();
    const failure = await this.#resume(signal);
    const sendable = this.#sendable();
    const dispatched: Dispatched = { delivered: 0, ...(await this.#expireAllBut(sendable)), bytes: 0 };
    if (failure !== undefined) return { ...dispatched, failure };
    this.#isResumed = false;
    const freshest = { ...sendable, from: Math.max(sendable.from, toSeconds(clock.now()) - fresh) };
    const release = new Release<Entry<T>>();
    await this.#dispatchRange(freshest, dispatched, release, signal);
    if (dispatched.failure === undefined) {
      const deferred = await this.#dispatchRange(sendable, dispatched, release, signal);
      this.#deferred = deferred ?? this.#deferred;
    }
    const reason = release.hasRefusedEverything;
    if (reason !== undefined) {
      this.#batchSize.probe();
      dispatched.failure ??= unavailable(reason, { answered: true });
    }
    // A failure may be a lost answer. After an exception, this line isn't reached.
    this.#isResumed = dispatched.failure === undefined;
    return dispatched;
  }

  /** Asks the output what it has accepted, and settles that. Returns the failure if it can't be asked. */
  async #resume(signal?: AbortSignal): Promise<SendFailure | undefined> {
    const { store, output, delivered } = this.#options;
    if (this.#isResumed || output.resume === undefined) return undefined;
    const resumed = await output.resume(await storeId(store), signal);
    if (resumed.kind !== "resumed") return resumed;
    await delivered.settleAccepted(resumed.accepted);
    return undefined;
  }

  /**
   * Removes records that are too old. Turns records stamped further in the future than the TTL, which would never expire,
   * into dead letters. Returns the number of each. Part of every dispatch.
   */
  expire(): Promise<Pick<Dispatched, "expired" | "rejected">> {
    return this.#expireAllBut(this.#sendable());
  }

  /** The scores that are neither too old nor too far in the future. */
  #sendable(): ScoreRange {
    const { clock, ttl, maxAge = ttl } = this.#options;
    const now = toSeconds(clock.now());
    return { from: now - Math.min(ttl, maxAge), before: this.#future.limit(now + ttl) };
  }

  async #expireAllBut({ from, before }: ScoreRange): Promise<Pick<Dispatched, "expired" | "rejected">> {
    const { store, queue, rejectedQueue, clock, ttl, maxAge } = this.#options;
    const now = toSeconds(clock.now());
    let expired = await expire(store, queue, { before: now - ttl });
    if (maxAge !== undefined) expired += await expire(store, queue, { before: from }, "too_old");
    const why = { reason: `stored with a time more than ${ttl} s in the future`, at: now };
    const after = { score: before, id: "" };
    return { expired, rejected: await rejectRange(store, { queue, rejectedQueue }, { after }, why) };
  }

  /** Stores the bytes that were sent outside of batches, such as for checking the key. */
  async countBytes(): Promise<void> {
    const { store, sentBytes } = this.#options;
    await sentBytes.load();
    const state = sentBytes.add(0);
    if (state.size > 0) await store.settle({ state });
  }

  /** Sends everything with such a score, in order. Returns the number of deferred records, undefined if it isn't known. */
  async #dispatchRange(
    scores: ScoreRange,
    dispatched: Dispatched,
    release: Release<Entry<T>>,
    signal?: AbortSignal,
  ): Promise<number | undefined> {
    const tally = { rejected: 0, deferred: 0 };
    const pages = admittedPages(this.#options, scores, tally);
    let failedInARow = 0;
    for await (const batch of inBatches(pages, this.#batchSize)) {
      dispatched.rejected += tally.rejected;
      tally.rejected = 0;
      if (signal?.aborted) return undefined;
      const delivered = await deliver(batch, this.#options, release, signal);
      this.#count(delivered, dispatched);
      const { failure } = delivered;
      failedInARow = failure === undefined ? 0 : failedInARow + 1;
      if (failure === undefined) continue;
      const mayGoOn =
        release.refusesEverything === undefined
          ? isBatchSpecific(failure) && failedInARow <= 1
          : release.skipBatch();
      if (!mayGoOn) return undefined;
    }
    dispatched.rejected += tally.rejected;
    release.endOfQueue();
    this.#count(await deliverSuspects(this.#options, release, signal), dispatched);
    return tally.deferred;
  }

  #count({ records, rejected, bytes, failure }: Delivered, dispatched: Dispatched): void {
    dispatched.delivered += records;
    dispatched.rejected += rejected;
    dispatched.bytes += bytes;
    if (records > 0) this.#batchSize.grow();
    if (failure === undefined) return;
    dispatched.failure = failure;
    this.#batchSize.shrinkAfter(failure);
  }
}

/** Whether another batch may succeed after this failure. */
function isBatchSpecific(failure: SendFailure): boolean {
  return failure.kind === "unavailable" && failure.answered && failure.retryAfter === undefined;
}
