/** Connects a command to the whole store of a Redis server, or to all of its shards. */
import { type QueueNames, queueNames, type Store, shardNamespace } from "@chouette-iot/queue";
import type { RedisStore } from "@chouette-iot/queue/redis";
import type { Settings } from "../config/settings.js";
import { connectedStore } from "./connected-store.js";

interface ConnectedShard {
  readonly store: Store;
  readonly queues: QueueNames;
}

/** Runs the work and closes the connections. Rejects if a connection fails, or if the work does. */
export async function withShards<T>(
  settings: Settings,
  work: (shards: readonly ConnectedShard[]) => Promise<T>,
): Promise<T> {
  const open: RedisStore[] = [];
  const connect = async (shard: number | undefined): Promise<ConnectedShard> => {
    const store = await connectedStore(settings, shard === undefined ? undefined : placeOfShard(shard));
    open.push(store);
    return { store, queues: queueNames(shard === undefined ? undefined : shardNamespace(shard)) };
  };
  try {
    return await work(await connectAll(settings, connect, open));
  } finally {
    await Promise.all(open.map((store) => store.close()));
  }
}

async function connectAll(
  { shards }: Settings,
  connect: (shard: number | undefined) => Promise<ConnectedShard>,
  open: readonly RedisStore[],
): Promise<readonly ConnectedShard[]> {
  if (shards === undefined) return [await connect(undefined)];
  const first = await connect(0);
  const [server] = open;
  const number = (await server?.shards()) ?? shards;
  const others = Array.from({ length: number - 1 }, (_, index) => connect(index + 1));
  // Queues of clients without shards. A Cluster has none.
  const original = server?.isCluster ? [] : [connect(undefined)];
  const settled = await Promise.allSettled([...others, ...original]);
  return [first, ...settled.map(valueOrThrow)];
}

function valueOrThrow(settled: PromiseSettledResult<ConnectedShard>): ConnectedShard {
  if (settled.status === "rejected") throw settled.reason;
  return settled.value;
}

export function placeOfShard(shard: number): { readonly namespace: string; readonly shard: true } {
  return { namespace: shardNamespace(shard), shard: true };
}
