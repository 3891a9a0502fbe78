/**
 * The dispatcher: takes the records of a ready queue to an output, batch by batch, until the queue is empty.
 *
 * Promises: fresh before old, so that after an outage the present shows first, then the backlog from its
 * oldest. A batch that the output can't take holds up no other; two in a row mean that the output is down.
 * A record that can't be read is set aside with its reason; one older than it may become expires, counted.
 */
import { expire, type Position } from "@chouette-iot/queue";
import { type Decoded, type Seconds, toSeconds } from "@chouette-iot/record";
import { type DeliveryOptions, deliver, type Entry, type Obstacle, reject } from "./delivery.js";

export interface DispatcherOptions<T> extends DeliveryOptions<T> {
  decode(text: string): Decoded<T>;
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
  /** As sent, headers and TLS aside. */
  bytes: number;
  /** Why records are left in the queue; undefined where none are. */
  obstacle?: Obstacle;
}

export class Dispatcher<T> {
  readonly #options: DispatcherOptions<T>;

  constructor(options: DispatcherOptions<T>) {
    this.#options = options;
  }

  /** Rejects where the store does; the next call takes up what is left. */
  async dispatch(signal?: AbortSignal): Promise<Dispatched> {
    const { store, queue, clock, ttl, fresh } = this.#options;
    const now = toSeconds(clock.now());
    const dispatched: Dispatched = { delivered: 0, rejected: 0, expired: 0, bytes: 0 };
    dispatched.expired = await expire(store, queue, now - ttl);
    await this.#dispatchAfter({ score: now - fresh, id: "" }, dispatched, signal);
    if (dispatched.obstacle === undefined) await this.#dispatchAfter(undefined, dispatched, signal);
    return dispatched;
  }

  /** Everything after the position, in order. */
  async #dispatchAfter(
    start: Position | undefined,
    dispatched: Dispatched,
    signal?: AbortSignal,
  ): Promise<void> {
    const { store, queue, batchSize } = this.#options;
    let after = start;
    let failedInARow = 0;
    while (signal?.aborted !== true) {
      const page = await store.read(queue, { limit: batchSize, ...(after === undefined ? {} : { after }) });
      if (page.length === 0) return;
      after = page.at(-1);
      const batch = await this.#decode(page, dispatched);
      if (batch.length === 0) continue;
      const { records, rejected, bytes, obstacle } = await deliver(batch, this.#options, signal);
      dispatched.delivered += records;
      dispatched.rejected += rejected;
      dispatched.bytes += bytes;
      failedInARow = obstacle === undefined ? 0 : failedInARow + 1;
      if (obstacle !== undefined) dispatched.obstacle = obstacle;
      if (obstacle !== undefined && (!mayFareBetter(obstacle) || failedInARow > 1)) return;
    }
  }

  async #decode(
    page: readonly (Position & { readonly value: string | undefined })[],
    dispatched: Dispatched,
  ): Promise<readonly Entry<T>[]> {
    const batch: Entry<T>[] = [];
    const unusable: (Position & { readonly value: string | undefined; readonly reason: string })[] = [];
    for (const { score, id, value } of page) {
      const decoded =
        value === undefined
          ? ({ ok: false, reason: "an id without a value" } as const)
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
