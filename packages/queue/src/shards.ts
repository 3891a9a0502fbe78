/**
 * The names of a shard: a namespace with queues, state and counters, all with one hash tag, so that a Redis Cluster keeps them
 * in one slot.
 */
import { NAMESPACE } from "./queue-names.js";

const TAG = /:\{\d+\}/;

/** The namespace of a shard, such as `chouette:{3}`. */
export function shardNamespace(shard: number): string {
  return `${NAMESPACE}:{${shard}}`;
}

/** The key of the number of shards. Each shard has one, which its clients check. */
export function shardsKey(namespace: string): string {
  return `${namespace}:shards`;
}

/** The namespace of a queue or another key: that of its shard, or the original's. */
export function namespaceOf(key: string): string {
  return NAMESPACE + (TAG.exec(key)?.[0] ?? "");
}

/** The name that a shard's queue has without shards. */
export function withoutShard(queue: string): string {
  return queue.replace(TAG, "");
}
