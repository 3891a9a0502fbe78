/**
 * Snapshots of the store for the status, one at a time: callers share the one in progress.
 *
 * So requests to a store that has stopped answering don't pile up, which would also prevent its connection from being closed as
 * silent.
 */
import type { QueueNames, Store } from "@chouette-iot/queue";
import { toSeconds } from "@chouette-iot/record";
import {
  type RecentBodyBytes,
  type RecentWireUse,
  readRecentBodyBytes,
  readRecentWireUse,
} from "../dispatch/sent-bytes.js";
import type { Clock } from "../runtime/clock.js";
import { type QueueStatus, readQueues } from "./queues.js";

export interface BrokerMemory {
  readonly usedBytes: number;
  /** Undefined without a limit. */
  readonly maxBytes: number | undefined;
}

export interface StoreSnapshot {
  readonly queues: readonly QueueStatus[];
  readonly sent: RecentBodyBytes;
  readonly wire: RecentWireUse;
  readonly memory: BrokerMemory | undefined;
}

/**
 * @param memoryOf reads the memory use of the broker, if that is a server
 * @returns a function that takes a snapshot; rejects if the store does
 */
export function storeSnapshots(
  store: Store,
  names: QueueNames,
  clock: Clock,
  memoryOf: () => Promise<BrokerMemory | undefined> = async () => undefined,
): () => Promise<StoreSnapshot> {
  const take = async () => {
    const now = toSeconds(clock.now());
    const [queues, sent, wire, memory] = await Promise.all([
      readQueues(store, names, now),
      readRecentBodyBytes(store, clock),
      readRecentWireUse(store, clock),
      memoryOf(),
    ]);
    return { queues, sent, wire, memory };
  };
  let inProgress: Promise<StoreSnapshot> | undefined;
  return () => {
    inProgress ??= take().finally(() => {
      inProgress = undefined;
    });
    return inProgress;
  };
}
