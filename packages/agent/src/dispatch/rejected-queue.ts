/**
 * The bounds of the rejected queue: what lies there too long, or is one too many, goes, the oldest first.
 *
 * Promises: the queue can't fill the device, whatever is refused. What goes is counted, as expired or evicted.
 */
import { expire, fateCounter, type Store } from "@chouette-iot/queue";
import { milliseconds, type Seconds, toSeconds } from "@chouette-iot/record";
import type { Clock } from "../clock.js";
import { beginOutage, type LoopOutages } from "../outage.js";

export interface RejectedQueueOptions {
  readonly store: Store;
  readonly queue: string;
  readonly clock: Clock;
  /** The most records to keep. */
  readonly most: number;
  /** The age at which one goes. */
  readonly ttl: Seconds;
}

const CHECK_INTERVAL = milliseconds(60_000);
const PAGE = 5_000;

/** Rejects where the store does. */
export async function boundRejectedQueue(options: RejectedQueueOptions): Promise<void> {
  const { store, queue, clock, most, ttl } = options;
  await expire(store, queue, toSeconds(clock.now()) - ttl);
  for (let excess = (await store.size(queue)) - most; excess > 0; ) {
    const records = await store.read(queue, { limit: Math.min(excess, PAGE) });
    if (records.length === 0) return;
    await store.settle({
      remove: [{ queue, records }],
      count: new Map([[fateCounter(queue, "evicted"), records.length]]),
    });
    excess -= records.length;
  }
}

/** Holds the queue to its bounds until the signal is aborted. */
export async function runRejectedLoop(
  options: RejectedQueueOptions & { readonly outages: LoopOutages },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await boundRejectedQueue(options);
      options.outages.own.end();
    } catch (error) {
      if (!signal.aborted) beginOutage(error, options.outages);
    }
    await options.clock.sleep(CHECK_INTERVAL, signal);
  }
}
