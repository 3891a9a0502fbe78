/** Checks whether Chouette can work with a Redis server: once per connection, with one command. */
import { ErrorReply } from "@redis/client";
import { countersOf, formatOf, type KeySpace } from "./keys.js";
import type { RedisConnection } from "./redis-connection.js";
import { checkFormat } from "./state-format.js";
import { UnsuitableServerError } from "./unsuitable-server.js";

const CLUSTER = /^(CROSSSLOT|MOVED|ASK|CLUSTERDOWN)\b/;

/** Rejects with an UnsuitableServerError that says what the server is, or with the server's own error. */
export async function checkServer(
  connection: RedisConnection,
  { namespace, isShard }: KeySpace,
): Promise<void> {
  try {
    // Without shards, a Cluster has these keys in different slots, and refuses them together.
    const [format] = await connection.sendCommand<(string | null)[]>([
      "MGET",
      formatOf(namespace),
      countersOf(namespace),
    ]);
    checkFormat(format ?? null);
  } catch (error) {
    throw error instanceof ErrorReply ? await explained(connection, isShard, error) : error;
  }
}

async function explained(connection: RedisConnection, isShard: boolean, error: ErrorReply): Promise<Error> {
  if (!isShard && CLUSTER.test(error.message))
    return new UnsuitableServerError(
      "it is a node of a Redis Cluster, which needs shards: set CHOUETTE_SHARDS",
    );
  if (/unknown command/i.test(error.message) && (await isSentinel(connection)))
    return new UnsuitableServerError(
      "it is a Redis Sentinel, which keeps no data: set REDIS_SENTINELS and REDIS_SENTINEL_MASTER to use the master that it names",
    );
  return error;
}

async function isSentinel(connection: RedisConnection): Promise<boolean> {
  const role = await connection.sendCommand<unknown[]>(["ROLE"]).catch(() => []);
  return role[0] === "sentinel";
}
