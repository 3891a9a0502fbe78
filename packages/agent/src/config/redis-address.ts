/** Where the Redis server is that the settings name. */
import type { Settings } from "./settings.js";

export type SettledAddress = { readonly url: string } | { readonly host: string; readonly port: number };

export function redisAddress({ redisUrl, redisHost, redisPort }: Settings): SettledAddress {
  return redisUrl === undefined ? { host: redisHost ?? "127.0.0.1", port: redisPort } : { url: redisUrl };
}
