/**
 * Atomic step: settle.
 *
 * Guarantee: removals, additions, notes and counters of a settlement come into force together, by one MULTI,
 * or not at all. Where the connection breaks before the answer, either may be true: read again to know.
 */
import type { Settlement } from "../store.js";
import { appendCommands } from "./append.js";
import type { RedisConnection } from "./connection.js";
import { idArgument } from "./ids.js";
import { countersOf, keysOf, notesOf, valuesOf } from "./keys.js";

/**
 * KEYS: the queue's ids, its values, the counters. ARGV: the counter, then ids, which are taken by the thousand since
 * Lua's stack holds no more than some thousands.
 */
const REMOVE_AND_COUNT = `
local removed = 0
for first = 2, #ARGV, 1000 do
  local last = math.min(first + 999, #ARGV)
  removed = removed + redis.call("ZREM", KEYS[1], unpack(ARGV, first, last))
  redis.call("HDEL", KEYS[2], unpack(ARGV, first, last))
end
if removed > 0 then redis.call("HINCRBY", KEYS[3], ARGV[1], removed) end`;

export async function settle(
  connection: RedisConnection,
  namespace: string,
  settlement: Settlement,
): Promise<void> {
  const commands = settleCommands(namespace, settlement);
  if (commands.length === 0) return;
  const multi = connection.multi();
  for (const command of commands) multi.addCommand(command);
  await multi.exec();
}

function settleCommands(namespace: string, settlement: Settlement): (string | Buffer)[][] {
  const { remove = [], removeStrays = [], add = [], notes = new Map(), count = new Map() } = settlement;
  const commands: (string | Buffer)[][] = [];
  for (const { queue, records, counter } of remove) {
    if (records.length === 0) continue;
    const ids = records.map((record) => idArgument(record.id));
    if (counter === undefined) {
      commands.push(["ZREM", keysOf(queue), ...ids], ["HDEL", valuesOf(queue), ...ids]);
    } else {
      const keys = [keysOf(queue), valuesOf(queue), countersOf(namespace)];
      commands.push(["EVAL", REMOVE_AND_COUNT, "3", ...keys, counter, ...ids]);
    }
  }
  for (const { queue, ids } of removeStrays) {
    if (ids.length > 0) commands.push(["HDEL", valuesOf(queue), ...ids.map(idArgument)]);
  }
  for (const { queue, records } of add) {
    if (records.length > 0) commands.push(...appendCommands(queue, records));
  }
  for (const [key, text] of notes) {
    commands.push(
      text === undefined ? ["HDEL", notesOf(namespace), key] : ["HSET", notesOf(namespace), key, text],
    );
  }
  for (const [name, by] of count) commands.push(["HINCRBY", countersOf(namespace), name, `${by}`]);
  return commands;
}
