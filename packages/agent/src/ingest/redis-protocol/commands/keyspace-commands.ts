/**
 * Commands about keys: whether they exist, their types and lifetimes. The keys are those of queues that aren't empty, and the
 * markers of clients.
 */
import type { BrokerStore } from "@chouette-iot/queue";
import { type BrokerContext, type Call, type CommandResult, lookup } from "../command.js";
import { globMatcher } from "../glob.js";
import { isMarkerKey, type QueueKey } from "../queue-keys.js";
import { failure, list, type Reply } from "../reply.js";

/** Every key is compared with the pattern. */
const MAX_PATTERN_LENGTH = 256;
/** After this many keys, other work gets its turn. */
const KEYS_AT_ONCE = 500;

type Kind = "zset" | "hash" | "string" | "none";

/** EXISTS key [key …] */
export function exists([, ...keys]: readonly string[], { broker }: Call): CommandResult {
  return lookup(async (store) => {
    const kinds = await Promise.all(keys.map((key) => kindOf(key, store, broker)));
    return kinds.filter((kind) => kind !== "none").length;
  });
}

/** TYPE key */
export function type([, key = ""]: readonly string[], { broker }: Call): CommandResult {
  return lookup(async (store) => ({ kind: "status", text: await kindOf(key, store, broker) }));
}

/** TTL key, PTTL key: the remaining lifetime of a marker; -1 for a queue, which doesn't expire. */
export function ttl([name = "", key = ""]: readonly string[], { broker }: Call): CommandResult {
  return lookup(async (store) => {
    if (isMarkerKey(key)) {
      const [stored] = await store.state([key]);
      const left = broker.markers.lifetimeOf(stored);
      if (left === undefined) return -2;
      return name.toUpperCase() === "PTTL" ? left : Math.round(left / 1000);
    }
    return (await kindOf(key, store, broker)) === "none" ? -2 : -1;
  });
}

/** DBSIZE */
export function dbsize(_args: readonly string[], { broker }: Call): CommandResult {
  return lookup(async (store) => (await keysThere(store, broker)).length);
}

/** KEYS pattern */
export function keys([, pattern = ""]: readonly string[], { broker }: Call): CommandResult {
  if (pattern.length > MAX_PATTERN_LENGTH) return LONG_PATTERN;
  return lookup(async (store) => list(await keysLike(pattern, undefined, store, broker)));
}

/** SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]: all keys in one reply. */
export function scan([, cursor = "", ...options]: readonly string[], { broker }: Call): CommandResult {
  if (!/^\d{1,20}$/.test(cursor)) return failure("ERR invalid cursor");
  let pattern = "*";
  let wanted: string | undefined;
  for (let at = 0; at < options.length; at += 2) {
    const [option = "", value] = options.slice(at, at + 2);
    if (value === undefined) return failure("ERR syntax error");
    if (option.toUpperCase() === "MATCH") pattern = value;
    else if (option.toUpperCase() === "TYPE") wanted = value.toLowerCase();
    else if (option.toUpperCase() !== "COUNT") return failure("ERR syntax error");
    else if (!/^[1-9]\d{0,15}$/.test(value)) return failure("ERR value is not an integer or out of range");
  }
  if (pattern.length > MAX_PATTERN_LENGTH) return LONG_PATTERN;
  return lookup(async (store): Promise<Reply> => {
    const found = cursor === "0" ? await keysLike(pattern, wanted, store, broker) : [];
    return list(["0", list(found)]);
  });
}

const LONG_PATTERN = failure(`ERR a pattern is at most ${MAX_PATTERN_LENGTH} characters`);

async function keysLike(
  pattern: string,
  wanted: string | undefined,
  store: BrokerStore,
  broker: BrokerContext,
): Promise<readonly string[]> {
  const matches = globMatcher(pattern);
  const found: string[] = [];
  for (const [index, [key, kind]] of (await keysThere(store, broker)).entries()) {
    if ((wanted === undefined || kind === wanted) && matches(key)) found.push(key);
    if (index % KEYS_AT_ONCE === 0) await new Promise(setImmediate);
  }
  return found;
}

/** DEL and other commands that would remove records. */
export function removal([name = ""]: readonly string[]): CommandResult {
  return failure(
    `ERR Chouette's broker doesn't support ${name.toUpperCase()}: records leave when they are delivered or expire, ` +
      "and each one is counted. `chouette queue` shows and deletes records",
  );
}

async function keysThere(
  store: BrokerStore,
  broker: BrokerContext,
): Promise<readonly (readonly [key: string, kind: Kind])[]> {
  const there: (readonly [string, Kind])[] = [];
  for (const [key, queueKey] of broker.keys.all()) {
    if ((await lengthOf(queueKey, store)) > 0) there.push([key, kindOfQueueKey(queueKey)]);
  }
  return [...there, ...broker.markers.keys().map((key) => [key, "string"] as const)];
}

async function kindOf(key: string, store: BrokerStore, broker: BrokerContext): Promise<Kind> {
  const queueKey = broker.keys.find(key);
  if (queueKey !== undefined)
    return (await lengthOf(queueKey, store)) > 0 ? kindOfQueueKey(queueKey) : "none";
  if (!isMarkerKey(key)) return "none";
  const [stored] = await store.state([key]);
  return broker.markers.textOf(stored) === undefined ? "none" : "string";
}

function lengthOf({ queue, kind }: QueueKey, store: BrokerStore): Promise<number> {
  return kind === "keys" ? store.size(queue) : store.valueCount(queue);
}

function kindOfQueueKey({ kind }: QueueKey): Kind {
  return kind === "keys" ? "zset" : "hash";
}
