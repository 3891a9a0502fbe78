/**
 * The Python agent's default broker is the host `redis`, as in a compose file; ours is the embedded one. A device that
 * relied on that default would have its records in one broker and its agent on another.
 */
import { lookup } from "node:dns/promises";
import type { Config } from "../config/config.js";
import type { Finding } from "./doctor-checks.js";

const ORIGINAL_HOST = "redis";

/** Warns if this agent is its own broker although a host `redis` is there. */
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
