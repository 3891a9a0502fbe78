/**
 * Atomic step: settle.
 *
 * Guarantee: removals, additions, notes and counters of a settlement come into force together, by one MULTI,
 * or not at all. Where the connection breaks before the answer, either may be true: read again to know.
 *
 * A settlement that depends on notes (`onlyWhile`) comes into force only while they have these texts. It is sent
 * as one pipeline, WATCH, {@link SPOIL}, MULTI … EXEC, so that it costs no round trip more than without. Where a
 * text differs, the script writes to a key that is watched, and the server itself gives up the EXEC. Where one
 * changes between the script and the EXEC, the watched hash of notes does the same. This holds as well for bytes
 * of a connection that is gone, whenever the server comes to read them.
 */
import { WatchError } from "@redis/client";
import { StaleSettlementError } from "../stale.js";
import type { Settlement } from "../store.js";
import { appendCommands } from "./append.js";
import type { RedisConnection } from "./connection.js";
import { idArgument } from "./ids.js";
import { countersOf, keysOf, notesOf, spoiledOf, valuesOf } from "./keys.js";

/**
 * KEYS: the hash of notes, the key to write to. ARGV: for each note its key, "=" and its text, or "!" and
 * nothing where it must not be there. Answers with the first note that differs, or "" where none does.
 */
const SPOIL = `
for i = 1, #ARGV, 3 do
  local text = redis.call("HGET", KEYS[1], ARGV[i])
  if (ARGV[i + 1] == "!" and text) or (ARGV[i + 1] == "=" and text ~= ARGV[i + 2]) then
    redis.call("SET", KEYS[2], 1, "PX", 1)
    return ARGV[i]
  end
end
return ""`;

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
  const { onlyWhile = new Map<string, string | undefined>() } = settlement;
  const commands = settleCommands(namespace, settlement);
  if (onlyWhile.size === 0) {
    if (commands.length > 0) await execute(connection, commands);
    return;
  }
  // Other notes are in the same hash: where one of those has changed meanwhile, the next try finds it at rest.
  while (!(await settleWhile(connection, namespace, onlyWhile, commands)));
}

/** @returns whether it came into force; where it didn't, the notes have changed meanwhile, maybe others than these. */
async function settleWhile(
  connection: RedisConnection,
  namespace: string,
  onlyWhile: ReadonlyMap<string, string | undefined>,
  commands: readonly (readonly (string | Buffer)[])[],
): Promise<boolean> {
  const keys = [notesOf(namespace), spoiledOf(namespace)];
  const texts = [...onlyWhile].flatMap(([note, text]) => [note, text === undefined ? "!" : "=", text ?? ""]);
  // One pipeline: nothing of another call may come between these.
  const [watched, spoiled, executed] = await Promise.allSettled([
    connection.sendCommand(["WATCH", ...keys]),
    connection.sendCommand<string>(["EVAL", SPOIL, "2", ...keys, ...texts]),
    execute(connection, commands),
  ]);
  if (watched.status === "rejected") throw watched.reason;
  if (spoiled.status === "rejected") throw spoiled.reason;
  if (spoiled.value !== "") throw new StaleSettlementError(spoiled.value);
  if (executed.status === "fulfilled") return true;
  if (executed.reason instanceof WatchError) return false;
  throw executed.reason;
}

async function execute(
  connection: RedisConnection,
  commands: readonly (readonly (string | Buffer)[])[],
): Promise<void> {
  const multi = connection.multi();
  for (const command of commands) multi.addCommand([...command]);
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
