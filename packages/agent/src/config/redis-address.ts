/** The address of the Redis server, from the settings. */
import { addressText, parseAddress } from "@chouette-iot/queue/resp/address";
import { sentinelUrl } from "@chouette-iot/queue/resp/sentinel-address";
import { shownAddress } from "../runtime/address.js";
import type { Settings } from "./settings.js";

export type SettledAddress = { readonly url: string } | { readonly host: string; readonly port: number };

export function redisAddress({
  redisUrl,
  redisSentinels,
  redisSentinelMaster,
  redisHost,
  redisPort,
}: Settings): SettledAddress {
  if (redisUrl !== undefined) return { url: redisUrl };
  if (redisSentinels !== undefined) return { url: sentinelUrl(redisSentinels, redisSentinelMaster) };
  return { host: redisHost ?? "127.0.0.1", port: redisPort };
}

/** The same to be shown, without user and password: host and port, or the master's name and its Sentinels. */
export function shownRedisAddress(settings: Settings): string {
  const address = redisAddress(settings);
  return "url" in address ? addressText(parseAddress(address.url)) : shownAddress(address);
}

export function hasSentinels(settings: Settings): boolean {
  const address = redisAddress(settings);
  return "url" in address && parseAddress(address.url).sentinels !== undefined;
}
