/**
 * Which shard a metric belongs to.
 *
 * All records of one series at Datadog must be in one shard: two shards would send two values for one second, of which
 * Datadog keeps one. Tags and types of different records can still become one series (global tags, spellings, a set and a
 * count), so only the name is hashed, normalised by Datadog's rules. See docs/decisions/0035-shards.md.
 *
 * Promises: a name has the same shard in every version and program; two spellings of one name have the same shard.
 */
import { metricName } from "./datadog-names.js";

/** Of FNV-1a with 32 bits. */
const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/** More would be connections and keys that nobody needs: one agent handles tens of thousands of records a second. */
export const MAX_SHARDS = 256;

/**
 * The shard of a metric, from 0 to `shards - 1`: FNV-1a of the normalised name, modulo the number of shards.
 * @param shards a whole number from 1
 */
export function shardOf(metric: string, shards: number): number {
  // A normalised name is ASCII, so its characters are its bytes.
  const name = metricName(metric);
  let hash = OFFSET_BASIS;
  for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), PRIME);
  return (hash >>> 0) % shards;
}
