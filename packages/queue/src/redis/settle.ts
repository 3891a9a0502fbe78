/**
 * Settles in Redis, in one atomic step.
 *
 * Promises: removals, additions, state and counters of a settlement are applied together, by one script, or not at all.
 * Its conditions (`onlyWhile`, the state's format, the types of its keys) are checked before the first write. If the
 * connection breaks before the reply, it may or may not have been applied: read again to find out. The server may even
 * apply it later, when it reads what a dropped connection has sent.
 *
 * A Redis that is full under `noeviction` refuses every command that may take memory, and in a MULTI even removals. But a
 * script whose first write deletes runs to its end. So every settlement starts with a deletion, unless it only adds records:
 * removals, the lease and state changes succeed on a full Redis.
 */
import { StaleSettlementError } from "../stale.js";
import type { NewRecord, Settlement } from "../store.js";
import { idArgument } from "./id-text.js";
import { countersOf, formatOf, keysOf, stateOf, valuesOf } from "./keys.js";
import type { RedisConnection } from "./redis-connection.js";
import { checkFormat, STATE_FORMAT } from "./state-format.js";

/**
 * KEYS: the state, the counters, their format, then each queue's ids and values. ARGV: the format; "delete" to start with a
 * deletion; the number of state keys that it depends on, and for each the key, "=" and its text, or "!" and "" if it must
 * not exist; then the steps. A step is its name and its arguments; a list has its length in front; a queue is the index of
 * its ids in KEYS. Records are added in groups of one score. Lists are passed to commands in thousands, since Lua's stack is small.
 *
 * Returns nothing; or 0 and the format, if that isn't the one of ARGV; or 1 and the first state key whose text differs.
 */
const SETTLE = `
local at = 0
local function take()
  at = at + 1
  return ARGV[at]
end
local format, found = take(), redis.call("GET", KEYS[3])
if found and found ~= format then return {0, found} end
local begins_with_deletion = take() == "delete"
for _ = 1, take() do
  local key, must, text = take(), take(), take()
  local now = redis.call("HGET", KEYS[1], key)
  if (must == "!" and now) or (must == "=" and now ~= text) then return {1, key} end
end
for index, key in ipairs(KEYS) do
  local wanted = index == 3 and "string" or index > 3 and index % 2 == 0 and "zset" or "hash"
  local kind = redis.call("TYPE", key).ok
  if kind ~= wanted and kind ~= "none" then return redis.error_reply("WRONGTYPE " .. key .. " is a " .. kind) end
end
if begins_with_deletion then redis.call("HDEL", KEYS[1], "") end
local function inThousands(command, key)
  local count, done = tonumber(take()), 0
  for first = at + 1, at + count, 1000 do
    done = done + redis.call(command, key, unpack(ARGV, first, math.min(first + 999, at + count)))
  end
  at = at + count
  return done
end
local function add(name, by)
  redis.call("HINCRBY", KEYS[2], name, by)
end
local steps = {}
function steps.remove()
  local queue, counter, from = tonumber(take()), take(), at
  local removed = inThousands("ZREM", KEYS[queue])
  at = from
  inThousands("HDEL", KEYS[queue + 1])
  if counter ~= "" and removed > 0 then add(counter, removed) end
end
function steps.orphans()
  local queue = tonumber(take())
  for _ = 1, take() do
    local id = take()
    if not redis.call("ZSCORE", KEYS[queue], id) then redis.call("HDEL", KEYS[queue + 1], id) end
  end
end
function steps.add()
  local queue = tonumber(take())
  for _ = 1, take() do
    local score, count = take(), take()
    local last = at + 2 * count
    for first = at + 1, last, 1000 do
      local through, scored = math.min(first + 999, last), {}
      for index = first, through, 2 do
        scored[index - first + 1] = score
        scored[index - first + 2] = ARGV[index]
      end
      redis.call("ZADD", KEYS[queue], unpack(scored))
      redis.call("HSET", KEYS[queue + 1], unpack(ARGV, first, through))
    end
    at = last
  end
end
function steps.state() redis.call("HSET", KEYS[1], take(), take()) end
function steps.forget() redis.call("HDEL", KEYS[1], take()) end
function steps.count() add(take(), take()) end
while at < #ARGV do steps[take()]() end
if not found then redis.call("SET", KEYS[3], format) end
return {}`;

type Argument = string | Buffer;

/** Applies a settlement. Rejects with a StaleSettlementError if a key of `onlyWhile` has another text. */
export async function settle(
  connection: RedisConnection,
  namespace: string,
  settlement: Settlement,
): Promise<void> {
  const steps = new Steps(namespace);
  steps.take(settlement);
  const { onlyWhile = new Map<string, string | undefined>() } = settlement;
  if (steps.isEmpty && onlyWhile.size === 0) return;
  const depends = [...onlyWhile].flatMap(([key, text]) => [key, text === undefined ? "!" : "=", text ?? ""]);
  const [refusal, what = ""] = await connection.sendCommand<[] | [refusal: 0 | 1, what: string]>([
    "EVAL",
    SETTLE,
    `${steps.keys.length}`,
    ...steps.keys,
    STATE_FORMAT,
    onlyAdds(settlement) ? "" : "delete",
    `${onlyWhile.size}`,
    ...depends,
    ...steps.arguments,
  ]);
  if (refusal === 0) checkFormat(what);
  if (refusal === 1) throw new StaleSettlementError(what);
}

/** A full Redis must refuse such a settlement: otherwise it would take memory without limit. */
function onlyAdds({ remove = [], removeOrphans = [], add = [] }: Settlement): boolean {
  const frees =
    remove.some(({ records }) => records.length > 0) || removeOrphans.some(({ ids }) => ids.length > 0);
  return !frees && add.some(({ records }) => records.length > 0);
}

/** A settlement as keys and arguments of the script. */
class Steps {
  readonly keys: string[];
  readonly arguments: Argument[] = [];
  readonly #queues = new Map<string, string>();

  constructor(namespace: string) {
    this.keys = [stateOf(namespace), countersOf(namespace), formatOf(namespace)];
  }

  get isEmpty(): boolean {
    return this.arguments.length === 0;
  }

  take({
    remove = [],
    removeOrphans = [],
    add = [],
    state = new Map(),
    count = new Map(),
  }: Settlement): void {
    for (const { queue, records, counter = "" } of remove) {
      if (records.length === 0) continue;
      this.arguments.push("remove", this.#queue(queue), counter);
      this.#list(records.map(({ id }) => idArgument(id)));
    }
    for (const { queue, ids } of removeOrphans) {
      if (ids.length === 0) continue;
      this.arguments.push("orphans", this.#queue(queue));
      this.#list(ids.map(idArgument));
    }
    for (const { queue, records } of add) if (records.length > 0) this.#add(queue, records);
    for (const [key, text] of state) {
      if (text === undefined) this.arguments.push("forget", key);
      else this.arguments.push("state", key, text);
    }
    for (const [name, by] of count) this.arguments.push("count", name, `${by}`);
  }

  #add(queue: string, records: readonly NewRecord[]): void {
    const groups = inGroupsOfOneScore(records);
    this.arguments.push("add", this.#queue(queue), `${groups.length}`);
    for (const { score, records: group } of groups) {
      this.arguments.push(`${score}`, `${group.length}`);
      for (const { id, value } of group) this.arguments.push(idArgument(id), value);
    }
  }

  #list(items: readonly Argument[]): void {
    this.arguments.push(`${items.length}`);
    // One by one: the list may be longer than the arguments that a call allows.
    for (const item of items) this.arguments.push(item);
  }

  /** The index of the queue's ids in KEYS, from 1. */
  #queue(name: string): string {
    let index = this.#queues.get(name);
    if (index === undefined) {
      this.keys.push(keysOf(name), valuesOf(name));
      index = `${this.keys.length - 1}`;
      this.#queues.set(name, index);
    }
    return index;
  }
}

/** Groups neighbours with the same score: the ready metrics of an emission are thousands with one, and need it only once. */
function inGroupsOfOneScore(records: readonly NewRecord[]) {
  const groups: { readonly score: number; readonly records: NewRecord[] }[] = [];
  for (const record of records) {
    const last = groups.at(-1);
    if (last?.score === record.score) last.records.push(record);
    else groups.push({ score: record.score, records: [record] });
  }
  return groups;
}
