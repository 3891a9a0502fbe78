/**
 * Finds orphans in Redis: values whose id has no score. Clients store both in one MULTI, so an orphan results from a crash
 * without persistence, another program or manual changes.
 *
 * Costs two commands if there are none, otherwise a scan of the hash. The scan runs in the server, since HSCAN would send
 * every value. The settlement leaves an orphan alone that has got its score meanwhile.
 */
import type { Orphan } from "../store.js";
import { idTexts, isDamaged } from "./id-text.js";
import { keysOf, valuesOf } from "./keys.js";
import type { RedisConnection } from "./redis-connection.js";
import { firstValues } from "./values.js";

/**
 * KEYS: the queue's ids, its values. ARGV: a cursor of HSCAN. Looks at about a thousand ids and returns the next cursor and
 * those without a score. It scans 20 at a time, so the server never holds more than a few values twice.
 */
const SCAN = `
local cursor, ids = ARGV[1], {}
for step = 1, 50 do
  local scan = redis.call("HSCAN", KEYS[2], cursor, "COUNT", 20)
  cursor = scan[1]
  for i = 1, #scan[2], 2 do
    if not redis.call("ZSCORE", KEYS[1], scan[2][i]) then ids[#ids + 1] = scan[2][i] end
  end
  if cursor == "0" then break end
end
return {cursor, ids}`;

/** At most `limit` orphans, bounded in bytes like a page. */
export async function findOrphans(
  connection: RedisConnection,
  queue: string,
  limit: number,
): Promise<readonly Orphan[]> {
  const [keys, values] = await Promise.all([
    connection.sendCommand<number>(["ZCARD", keysOf(queue)]),
    connection.sendCommand<number>(["HLEN", valuesOf(queue)]),
  ]);
  // An id without a value can hide an orphan here; it is found once that id has been rejected.
  if (values <= keys) return [];
  // A set, as a scan may return the same id twice.
  const found = new Set<string>();
  let cursor = "0";
  do {
    const scan = await scanPage(connection, queue, cursor);
    cursor = scan.next;
    for (const id of scan.ids) found.add(id);
  } while (cursor !== "0" && found.size < limit);
  const ids = [...found].slice(0, limit);
  const fetched = await firstValues(connection, queue, ids);
  return fetched.flatMap((value, index) => {
    const id = ids[index];
    const isGone = value.value === undefined && value.oversizeBytes === undefined;
    return id === undefined || isGone ? [] : [{ id, ...value }];
  });
}

async function scanPage(
  connection: RedisConnection,
  queue: string,
  cursor: string,
): Promise<{ readonly next: string; readonly ids: readonly string[] }> {
  const command = ["EVAL", SCAN, "2", keysOf(queue), valuesOf(queue), cursor];
  const [next, ids] = await connection.sendCommand<[string, string[]]>(command);
  if (!isDamaged(ids)) return { next, ids };
  const [, ...texts] = await idTexts(connection, command);
  return { next, ids: texts };
}
