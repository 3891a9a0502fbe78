/** A Redis server for a command that looks at it once: it answers within seconds, or the command says why not. */
import { RedisStore } from "@chouette-iot/queue/redis";
import { redisAddress } from "../config/redis-address.js";
import type { Settings } from "../config/settings.js";

const DEADLINE_MS = 5_000;

/** Rejects with the first reason why the server can't be used. */
export async function connectedStore(settings: Settings): Promise<RedisStore> {
  let timer: NodeJS.Timeout | undefined;
  const connecting = new Promise<RedisStore>((resolve, reject) => {
    const giveUp = (error: Error) => {
      void store.close();
      reject(error);
    };
    const store: RedisStore = new RedisStore({
      ...redisAddress(settings),
      onConnected: () => resolve(store),
      onDisconnected: giveUp,
    });
    timer = setTimeout(() => {
      void store.close();
      reject(new Error(`Redis does not answer within ${DEADLINE_MS / 1_000} s`));
    }, DEADLINE_MS);
  });
  return connecting.finally(() => clearTimeout(timer));
}
