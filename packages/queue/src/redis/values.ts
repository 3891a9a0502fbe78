/**
 * Fetches values by id, as many as fit into a page.
 *
 * Sizes are measured before any value is fetched, since a queue may have values of any size. A script measures them together
 * with the command that reads the ids, so a page of small values costs only the server's look-ups. The values themselves
 * come by HMGET rather than by a script, whose tables would make reading slower by a third.
 */
import { MAX_PAGE_BYTES, MAX_VALUE_BYTES } from "../store.js";
import { idArgument } from "./id-text.js";
import { keysOf, valuesOf } from "./keys.js";
import type { RedisConnection } from "./redis-connection.js";

/** Lua: the number of ids whose values fit into a page, and the index (from 1) and size of each value that is too large. */
const MEASURE = `
local function measure(values, ids, page, value)
  local bytes, oversize, call = 0, {}, redis.call
  for i = 1, #ids do
    local size = call("HSTRLEN", values, ids[i])
    if size > value then
      oversize[#oversize + 1] = i
      oversize[#oversize + 1] = size
    else
      bytes = bytes + size
      if bytes > page and i > 1 then return {i - 1, oversize} end
    end
  end
  return {#ids, oversize}
end`;

/** KEYS: the queue's values. ARGV: bytes of a page, of a value, then ids. */
const MEASURE_IDS = `${MEASURE}
local page, value = tonumber(table.remove(ARGV, 1)), tonumber(table.remove(ARGV, 1))
return measure(KEYS[1], ARGV, page, value)`;

/** KEYS: the queue's values, its ids. ARGV: bytes of a page, of a value, then the command that reads ids, without its key. */
const MEASURE_RANGE = `${MEASURE}
local ids = redis.call(ARGV[3], KEYS[2], unpack(ARGV, 4))
return measure(KEYS[1], ids, tonumber(ARGV[1]), tonumber(ARGV[2]))`;

const BOUNDS: readonly string[] = [`${MAX_PAGE_BYTES}`, `${MAX_VALUE_BYTES}`];

type Measured = readonly [count: number, oversize: readonly number[]];

/** A record's value, or its size if it is too large to be fetched. */
export interface FetchedValue {
  readonly value: string | undefined;
  readonly oversizeBytes?: number;
}

/** The sizes in a range, measured a moment before or after it was read. */
export interface RangeSizes {
  /** Number of its records that fit into a page. */
  readonly count: number;
  readonly hasOversize: boolean;
}

export const UNKNOWN_SIZES: RangeSizes = { count: Number.POSITIVE_INFINITY, hasOversize: true };

/** Measures a range. @param range a command that returns ids, without its key */
export async function rangeSizes(
  connection: RedisConnection,
  queue: string,
  range: readonly string[],
): Promise<RangeSizes> {
  const keys = [valuesOf(queue), keysOf(queue)];
  const command = ["EVAL", MEASURE_RANGE, "2", ...keys, ...BOUNDS, ...range];
  const [count, oversize] = await connection.sendCommand<Measured>(command);
  return { count, hasOversize: oversize.length > 0 };
}

/** The values of the first ids, as many as fit into a page; at least one if there are any ids. */
export async function firstValues(
  connection: RedisConnection,
  queue: string,
  ids: readonly string[],
  { count, hasOversize }: RangeSizes = UNKNOWN_SIZES,
): Promise<readonly FetchedValue[]> {
  if (ids.length === 0) return [];
  const asked = ids.slice(0, Math.max(1, count)).map(idArgument);
  if (!hasOversize && asked.length === ids.length) {
    return (await valuesOfIds(connection, queue, asked)).map((value) => ({ value }));
  }
  // The range may have changed since it was measured, so this measures by id.
  const command = ["EVAL", MEASURE_IDS, "1", valuesOf(queue), ...BOUNDS, ...asked];
  const [fits, sizes] = await connection.sendCommand<Measured>(command);
  const oversize = new Map<number, number>();
  for (let at = 0; at + 1 < sizes.length; at += 2) oversize.set((sizes[at] ?? 0) - 1, sizes[at + 1] ?? 0);
  const page = asked.slice(0, fits);
  const values = await valuesOfIds(
    connection,
    queue,
    page.filter((_, index) => !oversize.has(index)),
  );
  let next = 0;
  return page.map((_, index) => {
    const oversizeBytes = oversize.get(index);
    return oversizeBytes === undefined ? { value: values[next++] } : { value: undefined, oversizeBytes };
  });
}

async function valuesOfIds(
  connection: RedisConnection,
  queue: string,
  ids: readonly (string | Buffer)[],
): Promise<readonly (string | undefined)[]> {
  if (ids.length === 0) return [];
  const values = await connection.sendCommand<(string | null)[]>(["HMGET", valuesOf(queue), ...ids]);
  return values.map((value) => value ?? undefined);
}
