/** The brokers of the shards' chaos test: a plain Redis, and a Redis Cluster of three masters, each with a replica. */
import { type QueueNames, queueNames, type Store, shardNamespace, shardsKey } from "@chouette-iot/queue";
import { RedisStore } from "@chouette-iot/queue/redis";
import { startCluster } from "../support/redis-cluster.js";
import { startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";

export interface ShardedBroker {
  /** Of the server; of a Cluster that of one node. */
  readonly port: number;
  /** Whether programs of the original can store records, too. */
  readonly hasOriginalQueues: boolean;
  /** Moves a shard to another master; undefined without a Cluster. */
  readonly moveShard: ((shard: number) => Promise<unknown>) | undefined;
  /** Kills the master of a shard. Resolves when its replica has taken its place and has given it back. */
  readonly failOver: ((shard: number) => Promise<void>) | undefined;
  stop(): Promise<void>;
}

export async function startShardedRedis(): Promise<ShardedBroker> {
  const { port, stop } = await startRedis();
  return { port, stop, hasOriginalQueues: true, moveShard: undefined, failOver: undefined };
}

export async function startShardedCluster(): Promise<ShardedBroker> {
  const cluster = await startCluster({ hasReplicas: true });
  const keyOf = (shard: number) => shardsKey(shardNamespace(shard));
  return {
    port: Number(new URL(cluster.url).port),
    stop: cluster.stop,
    hasOriginalQueues: false,
    moveShard: (shard) => cluster.moveSlot(keyOf(shard)),
    failOver: async (shard) => {
      const key = keyOf(shard);
      const former = await cluster.masterOf(key);
      await cluster.kill(former);
      await until("another master", async () => (await cluster.masterOf(key)) !== former);
      await cluster.restart(former);
      await until("the former master to have all data", async () =>
        `${await cluster.command(former, "INFO", "replication")}`.includes("master_link_status:up"),
      );
      // Only the masters of the beginning can be given slots.
      await cluster.failOver(key);
    },
  };
}

/** Opens the store of a shard, and closes it after it was used. */
export async function withShardStore<T>(
  { port }: ShardedBroker,
  shard: number,
  use: (store: Store, queues: QueueNames) => Promise<T>,
): Promise<T> {
  const namespace = shardNamespace(shard);
  const store = await new Promise<RedisStore>((resolve) => {
    const opened: RedisStore = new RedisStore({
      port,
      namespace,
      shard: true,
      onConnected: () => resolve(opened),
    });
  });
  return use(store, queueNames(namespace)).finally(() => store.close());
}
