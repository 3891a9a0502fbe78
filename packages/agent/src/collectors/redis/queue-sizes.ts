/** Collectors of queues in Redis: finding the queues, and remembering those that went empty. */
import type { RedisProbe } from "./redis-probe.js";

export type Client = Parameters<Parameters<RedisProbe["with"]>[1]>[0];

/** Each step of the scan looks at so many keys: enough to be done soon, few enough not to hold the server up. */
const SCAN_COUNT = 1_000;

/** Keys like this one, found step by step, so that the server serves others in between. KEYS would stop it for as long as it takes. */
export async function scanKeys(client: Client, pattern: string): Promise<readonly string[]> {
  const keys = new Set<string>();
  for await (const found of client.scanIterator({ MATCH: pattern, COUNT: SCAN_COUNT })) {
    for (const key of found) keys.add(key);
  }
  return [...keys];
}

/** A text for a pattern of SCAN that stands for itself. */
export function escapePattern(text: string): string {
  return text.replace(/[\\*?[\]]/g, "\\$&");
}
