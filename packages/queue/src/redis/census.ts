/** Counters and sizes of queues at one moment, which reveal records that left a queue without being counted. */
import { countersOf, keysOf, valuesOf } from "./keys.js";
import type { RedisConnection } from "./redis-connection.js";

export interface Census {
  readonly counters: ReadonlyMap<string, number>;
  /** By queue: the number of ids, or of values if that is larger, since a deleted id leaves its value behind. */
  readonly pending: ReadonlyMap<string, number>;
}

/** KEYS: the counters, then each queue's ids and values. */
const CENSUS = `
local sizes = {}
for i = 2, #KEYS, 2 do
  sizes[#sizes + 1] = math.max(redis.call("ZCARD", KEYS[i]), redis.call("HLEN", KEYS[i + 1]))
end
return {redis.call("HGETALL", KEYS[1]), sizes}`;

/** Reads counters and sizes in one script. */
export async function takeCensus(
  connection: RedisConnection,
  namespace: string,
  queues: readonly string[],
): Promise<Census> {
  const keys = [countersOf(namespace), ...queues.flatMap((queue) => [keysOf(queue), valuesOf(queue)])];
  const command = ["EVAL", CENSUS, `${keys.length}`, ...keys];
  const [pairs, sizes] = await connection.sendCommand<[string[], number[]]>(command);
  const counters = new Map<string, number>();
  for (let at = 0; at + 1 < pairs.length; at += 2) counters.set(pairs[at] ?? "", Number(pairs[at + 1]));
  return { counters, pending: new Map(queues.map((queue, index) => [queue, sizes[index] ?? 0])) };
}
