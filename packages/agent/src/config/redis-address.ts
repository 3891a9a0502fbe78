/** Where the Redis server is that the settings name. */
import { shownAddress } from "../runtime/address.js";
import type { Settings } from "./settings.js";

export type SettledAddress = { readonly url: string } | { readonly host: string; readonly port: number };

export function redisAddress({ redisUrl, redisHost, redisPort }: Settings): SettledAddress {
  return redisUrl === undefined ? { host: redisHost ?? "127.0.0.1", port: redisPort } : { url: redisUrl };
}

/** The same for people: host and port, without user and password. */
export function shownRedisAddress(settings: Settings): string {
  const address = redisAddress(settings);
  if (!("url" in address)) return shownAddress(address);
  const { hostname, port } = new URL(address.url);
  return `${hostname}:${port || 6379}`;
}
