/**
 * Values in Redis whose id has no score. Clients store both in one MULTI, so that such a value is the trace
 * of a crash without persistence, of a foreign client or of a hand at work.
 *
 * Costs two commands where there are none, and a scan of the hash where there are.
 */
import type { Stray } from "../store.js";
import type { RedisConnection } from "./connection.js";
import { idArgument, idTexts, isDamaged } from "./ids.js";
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
  // By id: a scan may come upon the same one twice.
  const strays = new Map<string, string>();
  // An id without a value can hide a stray from this sum; it comes to light when that id has been set aside.
  if (values <= keys) return [];
  let cursor = "0";
  do {
    const scan = await scanPage(connection, queue, cursor);
    cursor = scan.next;
    for (const [id, value] of await withoutScore(connection, queue, scan.ids)) strays.set(id, value);
  } while (cursor !== "0" && strays.size < limit);
  return [...strays].slice(0, limit).map(([id, value]) => ({ id, value }));
}

async function scanPage(
  connection: RedisConnection,
  queue: string,
  cursor: string,
): Promise<{ readonly next: string; readonly ids: readonly string[] }> {
  const command = ["HSCAN", valuesOf(queue), cursor, "COUNT", SCAN_COUNT];
  const [next, entries] = await connection.sendCommand<[string, string[]]>(command);
  const [, ...texts] = isDamaged(entries) ? await idTexts(connection, command) : [next, ...entries];
  return { next, ids: texts.filter((_, index) => index % 2 === 0) };
}

/** In one MULTI, so that what is settled meanwhile is not taken for a stray. */
async function withoutScore(
  connection: RedisConnection,
  queue: string,
  ids: readonly string[],
): Promise<readonly (readonly [id: string, value: string])[]> {
  if (ids.length === 0) return [];
  const arguments_ = ids.map(idArgument);
  const multi = connection.multi();
  for (const id of arguments_) multi.addCommand(["ZSCORE", keysOf(queue), id]);
  multi.addCommand(["HMGET", valuesOf(queue), ...arguments_]);
  const replies = (await multi.exec()) as unknown as (string | null | (string | null)[])[];
  const values = replies.at(-1) ?? [];
  return ids.flatMap((id, index) => {
    const value = values[index];
    return replies[index] === null && typeof value === "string" ? [[id, value] as const] : [];
  });
}
