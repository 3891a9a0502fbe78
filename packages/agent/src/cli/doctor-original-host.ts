/**
 * The Python agent's default broker is the host `redis`, as in a compose file; ours is the embedded one. On a device
 * that relies on that default, programs and agent would use different brokers.
 */
import { lookup } from "node:dns/promises";
import type { Config } from "../config/config.js";
import type { Finding } from "./finding.js";

const ORIGINAL_HOST = "redis";

/** Warns if the embedded broker is used although a host named `redis` exists. */
export async function checkOriginalHost(
  { storage }: Pick<Config, "storage">,
  resolve: (host: string) => Promise<unknown> = lookup,
): Promise<readonly Finding[]> {
  if (storage === "redis") return [];
  const exists = await resolve(ORIGINAL_HOST).then(
    () => true,
    () => false,
  );
  if (!exists) return [];
  return [
    {
      about: "broker",
      verdict: "warning",
      found: "the embedded broker is used, but a host named redis exists: the Python agent's default",
      advice: "set REDIS_HOST=redis if programs store their records there",
    },
  ];
}
