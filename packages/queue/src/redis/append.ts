/**
 * Atomic step: append.
 *
 * Guarantee: all records of a call are stored or none, each with its id in `Q.keys` and its value in
 * `Q.values`, by one MULTI. Repeated with the same ids, it changes nothing.
 */
import type { NewRecord } from "../store.js";
import { keysOf, valuesOf } from "./keys.js";
import type { RedisConnection } from "./redis-connection.js";

/** One ZADD and one HSET, to be sent in one MULTI. Without records they are not yet valid. */
export type AppendCommands = readonly [addKeys: string[], addValues: string[]];

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
export function appendCommands(queue: string, records: readonly NewRecord[]): AppendCommands {
  const commands = emptyAppend(queue);
  for (const { score, id, value } of records) addToAppend(commands, `${score}`, id, value);
  return commands;
}

export function emptyAppend(queue: string): AppendCommands {
  return [
    ["ZADD", keysOf(queue)],
    ["HSET", valuesOf(queue)],
  ];
}

/** @param score the record's time in seconds since the epoch, as text */
export function addToAppend(commands: AppendCommands, score: string, id: string, value: string): void {
  commands[0].push(score, id);
  commands[1].push(id, value);
}
