/**
 * Values in Redis whose id has no score. Clients store both in one MULTI, so that such a value is the trace
 * of a crash without persistence, of a foreign client or of a hand at work.
 *
 * Costs two commands where there are none, and a scan of the hash where there are.
 */
import type { Stray } from "../store.js";
import type { RedisConnection } from "./connection.js";
import { keysOf, valuesOf } from "./keys.js";

const SCAN_COUNT = "1000";

export async function findStrays(
  connection: RedisConnection,
  queue: string,
  limit: number,
): Promise<readonly Stray[]> {
  const [keys, values] = await Promise.all([
    connection.sendCommand<number>(["ZCARD", keysOf(queue)]),
    connection.sendCommand<number>(["HLEN", valuesOf(queue)]),
  ]);
  const strays: Stray[] = [];
  // An id without a value can hide a stray from this sum; it comes to light when that id has been set aside.
  if (values <= keys) return strays;
  let cursor = "0";
  do {
    const [next, entries] = await connection.sendCommand<[string, string[]]>([
      "HSCAN",
      valuesOf(queue),
      cursor,
      "COUNT",
      SCAN_COUNT,
    ]);
    cursor = next;
    strays.push(...(await withoutScore(connection, queue, entries)));
  } while (cursor !== "0" && strays.length < limit);
  return strays.slice(0, limit);
}

async function withoutScore(
  connection: RedisConnection,
  queue: string,
  entries: readonly string[],
): Promise<readonly Stray[]> {
  const candidates: Stray[] = [];
  for (let index = 0; index + 1 < entries.length; index += 2) {
    candidates.push({ id: entries[index] ?? "", value: entries[index + 1] ?? "" });
  }
  const scores = await Promise.all(
    candidates.map(({ id }) => connection.sendCommand<string | null>(["ZSCORE", keysOf(queue), id])),
  );
  return candidates.filter((_, index) => scores[index] === null);
}
