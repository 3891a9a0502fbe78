/**
 * The number of shards, which agents store in each shard. A client with another number would give a metric to another shard, so
 * it is refused.
 */
import { shardsKey } from "../shards.js";
import { stateOf } from "./keys.js";
import type { RedisConnection } from "./redis-connection.js";
import { UnsuitableServerError } from "./unsuitable-server.js";

/**
 * KEYS: the number, the state. ARGV: what it must be, empty if there must be none; the new one. Returns whether it was that.
 * A full Redis allows it, since its first write is a deletion.
 */
const REPLACE = `
if (redis.call("GET", KEYS[1]) or "") ~= ARGV[1] then return 0 end
redis.call("HDEL", KEYS[2], "")
redis.call("SET", KEYS[1], ARGV[2])
return 1`;

/** Undefined if there is none. Rejects if it is something else than a number. */
export async function readShards(
  connection: RedisConnection,
  namespace: string,
): Promise<number | undefined> {
  const key = shardsKey(namespace);
  const text = await connection.sendCommand<string | null>(["GET", key]);
  if (text === null) return undefined;
  if (!/^[1-9]\d{0,5}$/.test(text))
    throw new UnsuitableServerError(`${key} is ${JSON.stringify(text)}, which is not a number of shards`);
  return Number(text);
}

/** Returns false if the stored number isn't `from` (undefined: none). */
export async function replaceShards(
  connection: RedisConnection,
  namespace: string,
  from: number | undefined,
  to: number,
): Promise<boolean> {
  const keys = [shardsKey(namespace), stateOf(namespace)];
  const command = ["EVAL", REPLACE, `${keys.length}`, ...keys, from === undefined ? "" : `${from}`, `${to}`];
  return (await connection.sendCommand<number>(command)) === 1;
}
