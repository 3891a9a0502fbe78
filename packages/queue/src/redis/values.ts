/**
 * Values by their ids, as many as fit into a page.
 *
 * Sizes are asked for before values: a queue may hold values of any size, and nothing that was read before says how
 * large the next ones are. That costs one more round trip a page and no more than the server's time for a look-up by id.
 */
import { MAX_PAGE_BYTES, MAX_VALUE_BYTES } from "../store.js";
import type { RedisConnection } from "./connection.js";
import { idArgument } from "./ids.js";
import { valuesOf } from "./keys.js";

/**
 * KEYS: the queue's values. ARGV: bytes of a page, of a value, then ids. Answers with how many of them make a page, and
 * for each value that is too large its index, from 1, and its size.
 */
const MEASURE = `
local page, value = tonumber(ARGV[1]), tonumber(ARGV[2])
local bytes, oversize = 0, {}
for i = 3, #ARGV do
  local size = redis.call("HSTRLEN", KEYS[1], ARGV[i])
  if size > value then
    oversize[#oversize + 1] = i - 2
    oversize[#oversize + 1] = size
  else
    bytes = bytes + size
    if bytes > page and i > 3 then return {i - 3, oversize} end
  end
end
return {#ARGV - 2, oversize}`;

/** A record's value, or how large it is if it is not fetched. */
export interface FetchedValue {
  readonly value: string | undefined;
  readonly oversizeBytes?: number;
}

/** The values of the first of these ids, at least of one if there is any. */
export async function firstValues(
  connection: RedisConnection,
  queue: string,
  ids: readonly string[],
): Promise<readonly FetchedValue[]> {
  if (ids.length === 0) return [];
  const key = valuesOf(queue);
  const asked = ids.map(idArgument);
  const bounds = [`${MAX_PAGE_BYTES}`, `${MAX_VALUE_BYTES}`];
  const measured = ["EVAL", MEASURE, "1", key, ...bounds, ...asked];
  const [count, sizes] = await connection.sendCommand<[number, number[]]>(measured);
  const oversize = new Map<number, number>();
  for (let at = 0; at + 1 < sizes.length; at += 2) oversize.set((sizes[at] ?? 0) - 1, sizes[at + 1] ?? 0);
  const fetched = asked.slice(0, count).filter((_, index) => !oversize.has(index));
  const values =
    fetched.length === 0 ? [] : await connection.sendCommand<(string | null)[]>(["HMGET", key, ...fetched]);
  let next = 0;
  return Array.from({ length: count }, (_, index) => {
    const oversizeBytes = oversize.get(index);
    return oversizeBytes === undefined
      ? { value: values[next++] ?? undefined }
      : { value: undefined, oversizeBytes };
  });
}
