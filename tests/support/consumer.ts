/**
 * A stand-in for the agent: removes records from the raw queue as they arrive, so that a record that is sent twice
 * counts twice.
 *
 * It counts in Redis, in the step that removes them, so that a kill at any point can't falsify the counts.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@redis/client";

export interface Consumer {
  /** How often each record was taken, by its JSON. */
  taken(): Promise<ReadonlyMap<string, number>>;
  /** How many different records were taken. */
  different(): Promise<number>;
  stop(): Promise<void>;
}

const KEYS = ["chouette:metrics:raw.keys", "chouette:metrics:raw.values", "test:taken"];
const TAKE = `
local ids = redis.call('ZRANGE', KEYS[1], 0, 999)
if #ids == 0 then return 0 end
for _, value in ipairs(redis.call('HMGET', KEYS[2], unpack(ids))) do redis.call('HINCRBY', KEYS[3], value, 1) end
redis.call('ZREM', KEYS[1], unpack(ids))
redis.call('HDEL', KEYS[2], unpack(ids))
return #ids`;

export async function startConsumer(url: string): Promise<Consumer> {
  const redis = createClient({ url, disableOfflineQueue: true, socket: { reconnectStrategy: 20 } });
  redis.on("error", () => {});
  await redis.connect();
  let stopped = false;
  const work = async () => {
    while (!stopped) {
      const count = await redis.eval(TAKE, { keys: KEYS }).catch(() => 0);
      if (count === 0) await sleep(2);
    }
  };
  const working = work();
  return {
    taken: async () => {
      const counts = await redis.hGetAll("test:taken");
      return new Map(Object.entries(counts).map(([value, times]) => [value, Number(times)]));
    },
    different: () => redis.hLen("test:taken"),
    stop: async () => {
      stopped = true;
      await working;
      redis.destroy();
    },
  };
}
