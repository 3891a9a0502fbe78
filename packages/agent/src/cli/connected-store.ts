/** Connects a command to Redis within seconds. */
import { RedisStore, type RedisStoreOptions } from "@chouette-iot/queue/redis";
import { redisAddress, shownRedisAddress } from "../config/redis-address.js";
import type { Settings } from "../config/settings.js";

const TIMEOUT_MS = 5_000;

/**
 * Rejects with the first error, or after the time limit.
 *
 * @param place of a shard; undefined for the whole store
 */
export async function connectedStore(
  settings: Settings,
  place?: Pick<RedisStoreOptions, "namespace" | "shard">,
): Promise<RedisStore> {
  let timer: NodeJS.Timeout | undefined;
  const connecting = new Promise<RedisStore>((resolve, reject) => {
    const giveUp = (error: Error) => {
      void store.close();
      reject(error);
    };
    const store: RedisStore = new RedisStore({
      ...redisAddress(settings),
      ...place,
      onConnected: () => resolve(store),
      onDisconnected: giveUp,
    });
    const late = `Redis at ${shownRedisAddress(settings)} timed out after ${TIMEOUT_MS / 1_000} s`;
    timer = setTimeout(() => giveUp(new Error(late)), TIMEOUT_MS);
  });
  return connecting.finally(() => clearTimeout(timer));
}
