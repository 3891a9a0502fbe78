/**
 * Snapshots of the store for the status, one at a time: callers share the one in progress.
 *
 * So requests to a store that has stopped answering don't pile up, which would also prevent its connection from being closed as
 * silent.
 */
import { type QueueNames, type Store, StoreError } from "@chouette-iot/queue";
import { type Seconds, toSeconds } from "@chouette-iot/record";
import {
  type RecentBodyBytes,
  type RecentWireUse,
  readRecentBodyBytes,
  readRecentWireUse,
} from "../dispatch/sent-bytes.js";
import type { Clock } from "../runtime/clock.js";
import { type QueueStatus, readQueues } from "./queues.js";
import { sumOfBodyBytes, sumOfQueues, sumOfWireUse } from "./sums.js";

export interface BrokerMemory {
  readonly usedBytes: number;
  /** Undefined without a limit. */
  readonly maxBytes: number | undefined;
}

/** The process that works on a shard. */
export interface ShardHolder {
  readonly host: string;
  readonly pid: number;
}

/** A shard, as far as the status needs it. */
export interface StatusShard {
  /** Undefined if it is the whole store. */
  readonly name: string | undefined;
  readonly store: Store;
  readonly queues: QueueNames;
  /** Whether this agent works on it. */
  isOurs(): boolean;
  /** The agent that works on it; undefined if none does. Rejects if the store does. */
  holder(): Promise<ShardHolder | undefined>;
  /** Unix time of the last flush; undefined before the first, and while another agent is the leader. */
  flushedAt(): Seconds | undefined;
}

export interface ShardSnapshot {
  /** Undefined if it is the whole store. */
  readonly name: string | undefined;
  readonly isOurs: boolean;
  readonly holder: ShardHolder | undefined;
  readonly queues: readonly QueueStatus[];
  readonly sent: RecentBodyBytes;
  readonly wire: RecentWireUse;
}

export interface StoreSnapshot extends Pick<ShardSnapshot, "queues" | "sent" | "wire"> {
  readonly memory: BrokerMemory | undefined;
  readonly shards: readonly ShardSnapshot[];
}

/**
 * @param shards at least one, unless their number isn't known yet: then a snapshot rejects
 * @param memoryOf reads the memory use of the broker, if that is a server
 * @returns a function that takes a snapshot; rejects if the store does
 */
export function storeSnapshots(
  shards: () => readonly StatusShard[],
  clock: Clock,
  memoryOf: () => Promise<BrokerMemory | undefined> = async () => undefined,
): () => Promise<StoreSnapshot> {
  const take = async (): Promise<StoreSnapshot> => {
    const all = shards();
    if (all.length === 0) throw new StoreError("the number of shards isn't known yet");
    const [memory, ...taken] = await Promise.all([
      memoryOf(),
      ...all.map((shard) => snapshotOf(shard, clock)),
    ]);
    return {
      queues: sumOfQueues(taken.map(({ queues }) => queues)),
      sent: sumOfBodyBytes(taken.map(({ sent }) => sent)),
      wire: sumOfWireUse(taken.map(({ wire }) => wire)),
      memory,
      shards: taken,
    };
  };
  let inProgress: Promise<StoreSnapshot> | undefined;
  return () => {
    inProgress ??= take().finally(() => {
      inProgress = undefined;
    });
    return inProgress;
  };
}

async function snapshotOf(shard: StatusShard, clock: Clock): Promise<ShardSnapshot> {
  const { name, store } = shard;
  const [queues, sent, wire, holder] = await Promise.all([
    readQueues(store, shard.queues, toSeconds(clock.now())),
    readRecentBodyBytes(store, clock),
    readRecentWireUse(store, clock),
    name === undefined ? undefined : shard.holder(),
  ]);
  return { name, isOurs: shard.isOurs(), holder, queues, sent, wire };
}
