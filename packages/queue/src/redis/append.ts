/**
 * Atomic step: append.
 *
 * Guarantee: all records of a call are stored or none, each with its id in `Q.keys` and its value in
 * `Q.values`, by one MULTI. Repeated with the same ids, it changes nothing.
 */
import type { NewRecord } from "../store.js";
import type { RedisConnection } from "./connection.js";
import { keysOf, valuesOf } from "./keys.js";

export async function append(
  connection: RedisConnection,
  queue: string,
  records: readonly NewRecord[],
): Promise<void> {
  if (records.length === 0) return;
  const [addKeys, addValues] = appendCommands(queue, records);
  await connection.multi().addCommand(addKeys).addCommand(addValues).exec();
}

/** The ZADD and the HSET that store these records, of which there is at least one. */
export function appendCommands(queue: string, records: readonly NewRecord[]): [string[], string[]] {
  const addKeys = ["ZADD", keysOf(queue)];
  const addValues = ["HSET", valuesOf(queue)];
  for (const { score, id, value } of records) {
    addKeys.push(`${score}`, id);
    addValues.push(id, value);
  }
  return [addKeys, addValues];
}
