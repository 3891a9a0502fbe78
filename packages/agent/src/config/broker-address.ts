/** Where programs on this device find the broker, by the agent's own settings. */

import { shownAddress } from "../runtime/address.js";
import type { Config } from "./config.js";
import { redisAddress, type SettledAddress, shownRedisAddress } from "./redis-address.js";

/** The Redis server where one is named, by its port alone as well; else the agent, with the password that it asks for. */
export function brokerAddress({ settings, sources, storage }: Config): SettledAddress {
  if (storage === "redis" || sources.has("redisPort")) return redisAddress(settings);
  const { listen, password } = settings;
  const host = hostToAsk(listen.host);
  if (password === undefined) return { host, port: listen.port };
  const inUrl = host.includes(":") ? `[${host}]` : host;
  return { url: `redis://:${encodeURIComponent(password)}@${inUrl}:${listen.port}` };
}

/** Who listens everywhere is asked on this device. */
export function hostToAsk(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}

/** The same for people, without a password. */
export function shownBrokerAddress({ settings, sources, storage }: Config): string {
  if (storage === "redis" || sources.has("redisPort")) return shownRedisAddress(settings);
  return shownAddress({ host: hostToAsk(settings.listen.host), port: settings.listen.port });
}
