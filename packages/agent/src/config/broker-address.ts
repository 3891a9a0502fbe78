/** The address at which programs on this device reach the broker, from the agent's settings. */
import { shownAddress } from "../runtime/address.js";
import type { Config } from "./config.js";
import { redisAddress, type SettledAddress, shownRedisAddress } from "./redis-address.js";

/** The Redis server if a setting names it, even if only by its port; else the agent, with its password. */
export function brokerAddress({ settings, sources, storage }: Config): SettledAddress {
  if (storage === "redis" || sources.has("redisPort")) return redisAddress(settings);
  const { listen, password } = settings;
  const host = hostToAsk(listen.host);
  const address = { host, port: listen.port };
  if (password === undefined) return address;
  return { url: `redis://:${encodeURIComponent(password)}@${shownAddress(address)}` };
}

/** The host to connect to for a listener on this device: loopback if it listens on all addresses. */
export function hostToAsk(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}

/** The same to be shown, without a password. */
export function shownBrokerAddress({ settings, sources, storage }: Config): string {
  if (storage === "redis" || sources.has("redisPort")) return shownRedisAddress(settings);
  return shownAddress({ host: hostToAsk(settings.listen.host), port: settings.listen.port });
}
