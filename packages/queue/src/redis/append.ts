/**
 * Appends records to a queue in Redis, in one atomic step.
 *
 * Promises: all records of a call are stored or none, each with its id in `Q.keys` and its value in `Q.values`, by one
 * MULTI. Repeating it with the same ids changes nothing.
 */
import type { NewRecord } from "../store.js";
import { keysOf, valuesOf } from "./keys.js";
import type { RedisConnection } from "./redis-connection.js";

/** One ZADD and one HSET, to be sent in one MULTI. They are valid only with at least one record. */
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

/** The ZADD and the HSET that store these records. @param records at least one */
export function appendCommands(queue: string, records: readonly NewRecord[]): AppendCommands {
  const commands = emptyAppend(queue);
  for (const { score, id, value } of records) addToAppend(commands, `${score}`, id, value);
  return commands;
}

/** The commands without a record: add some with {@link addToAppend}. */
export function emptyAppend(queue: string): AppendCommands {
  return [
    ["ZADD", keysOf(queue)],
    ["HSET", valuesOf(queue)],
  ];
}

/** Adds a record to the commands. @param score its time in seconds since the epoch, as text */
export function addToAppend(commands: AppendCommands, score: string, id: string, value: string): void {
  commands[0].push(score, id);
  commands[1].push(id, value);
}
