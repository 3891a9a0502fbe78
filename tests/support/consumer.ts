/** A stand-in for the agent: takes records out of the raw queue as they come, so that sending one twice counts twice. */
import { createClient } from "@redis/client";

export interface Consumer {
  /** How often each record was taken, by its JSON. */
  readonly taken: ReadonlyMap<string, number>;
  total(): number;
  stop(): Promise<void>;
}

const KEYS = "chouette:metrics:raw.keys";
const VALUES = "chouette:metrics:raw.values";
// One step on the server, so that a kill between reading and removing can't blur the count.
const TAKE = `
local ids = redis.call('ZRANGE', KEYS[1], 0, 999)
if #ids == 0 then return {} end
local values = redis.call('HMGET', KEYS[2], unpack(ids))
redis.call('ZREM', KEYS[1], unpack(ids))
redis.call('HDEL', KEYS[2], unpack(ids))
return values`;

export async function startConsumer(url: string): Promise<Consumer> {
  const redis = createClient({ url });
  redis.on("error", () => {});
  await redis.connect();
  const taken = new Map<string, number>();
  let stopped = false;
  const work = async () => {
    while (!stopped) {
      const values = (await redis.eval(TAKE, { keys: [KEYS, VALUES] })) as string[];
      for (const value of values) taken.set(value, (taken.get(value) ?? 0) + 1);
      if (values.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  const working = work();
  return {
    taken,
    total: () => [...taken.values()].reduce((sum, times) => sum + times, 0),
    stop: async () => {
      stopped = true;
      await working;
      redis.destroy();
    },
  };
}
