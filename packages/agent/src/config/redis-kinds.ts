/** Kinds of settings for addresses of Redis servers. */
import { parseAddress } from "@chouette-iot/queue/resp/address";
import { parseServers } from "@chouette-iot/queue/resp/sentinel-address";
import { z } from "zod";
import { type Kind, list, url } from "./kinds.js";

const PROTOCOLS = ["redis:", "rediss:", "redis+sentinel:", "rediss+sentinel:"];

export function redisUrl(): Kind<string> {
  const expected =
    "redis://user:password@host:port/database, rediss:// for TLS, or redis+sentinel://user:password@host:port,host:port/master";
  // Not the schema of `url`: Node can't parse a URL with several hosts.
  return { ...url(PROTOCOLS, expected), schema: z.string().trim().refine(isRedisUrl) };
}

export function redisUrls(): Kind<readonly string[]> {
  return list(
    z.string().refine((value) => !value.includes("+") && isRedisUrl(value)),
    "URLs like redis://user:password@host:port/database",
  );
}

/** @param example for the error */
export function redisServers(example: string): Kind<readonly string[]> {
  const isServer = (value: string) => parseServers(value)?.length === 1;
  return list(z.string().refine(isServer), `host:port of each, such as ${example}`);
}

function isRedisUrl(value: string): boolean {
  if (!PROTOCOLS.some((protocol) => value.startsWith(`${protocol}//`))) return false;
  try {
    parseAddress(value);
    return true;
  } catch {
    return false;
  }
}
