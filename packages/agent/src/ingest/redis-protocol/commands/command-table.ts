/**
 * The commands of the broker: those that Chouette's clients and their libraries send, and some for people who inspect it.
 * docs/BROKER.md lists them for users.
 */
import type { Command } from "../command.js";
import { client } from "./client-commands.js";
import { auth, hello, quit, reset, select } from "./connection-commands.js";
import { dbsize, exists, keys, removal, scan, ttl, type } from "./keyspace-commands.js";
import { hget, hlen, hmget, zcard, zrange, zrangebyscore } from "./read-commands.js";
import { command, crossProtocol, echo, info, ping } from "./server-commands.js";
import { discard, exec, multi, unwatch, watch } from "./transaction-commands.js";
import { getMarker, getMarkers, hmset, hset, setMarker, zadd } from "./write-commands.js";

const ANY = Number.POSITIVE_INFINITY;
const MAX_KEYS = 1_000;

export const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ["HELLO", { run: hello, arity: [0, 6], inTransaction: "refused", noAuth: true }],
  ["AUTH", { run: auth, arity: [1, 2], inTransaction: "refused", noAuth: true }],
  ["SELECT", { run: select, arity: [1, 1] }],
  ["RESET", { run: reset, arity: [0, 0], inTransaction: "immediate", noAuth: true }],
  ["QUIT", { run: quit, arity: [0, ANY], inTransaction: "immediate", noAuth: true }],

  ["CLIENT", { run: client, arity: [1, ANY], inTransaction: "refused" }],
  ["COMMAND", { run: command, arity: [0, ANY] }],
  ["INFO", { run: info, arity: [0, ANY] }],
  ["PING", { run: ping, arity: [0, 1] }],
  ["ECHO", { run: echo, arity: [1, 1] }],
  ["POST", { run: crossProtocol, arity: [0, ANY], inTransaction: "immediate", noAuth: true }],
  ["HOST:", { run: crossProtocol, arity: [0, ANY], inTransaction: "immediate", noAuth: true }],

  ["MULTI", { run: multi, arity: [0, 0], inTransaction: "immediate" }],
  ["EXEC", { run: exec, arity: [0, 0], inTransaction: "immediate" }],
  ["DISCARD", { run: discard, arity: [0, 0], inTransaction: "immediate" }],
  ["WATCH", { run: watch, arity: [1, ANY], inTransaction: "immediate" }],
  ["UNWATCH", { run: unwatch, arity: [0, 0] }],

  ["ZADD", { run: zadd, arity: [3, ANY] }],
  ["HSET", { run: hset, arity: [3, ANY] }],
  ["HMSET", { run: hmset, arity: [3, ANY] }],
  ["SET", { run: setMarker, arity: [2, ANY] }],
  ["GET", { run: getMarker, arity: [1, 1] }],
  ["MGET", { run: getMarkers, arity: [1, MAX_KEYS] }],

  ["ZCARD", { run: zcard, arity: [1, 1] }],
  ["HLEN", { run: hlen, arity: [1, 1] }],
  ["ZRANGE", { run: zrange, arity: [3, ANY] }],
  ["ZRANGEBYSCORE", { run: zrangebyscore, arity: [3, ANY] }],
  ["HGET", { run: hget, arity: [2, 2] }],
  ["HMGET", { run: hmget, arity: [2, ANY] }],

  ["EXISTS", { run: exists, arity: [1, MAX_KEYS] }],
  ["TYPE", { run: type, arity: [1, 1] }],
  ["TTL", { run: ttl, arity: [1, 1] }],
  ["PTTL", { run: ttl, arity: [1, 1] }],
  ["DBSIZE", { run: dbsize, arity: [0, 0] }],
  ["KEYS", { run: keys, arity: [1, 1] }],
  ["SCAN", { run: scan, arity: [1, ANY] }],

  ...["DEL", "UNLINK", "FLUSHALL", "FLUSHDB", "ZREM", "HDEL", "ZREMRANGEBYSCORE", "EXPIRE"].map(
    (name): [string, Command] => [name, { run: removal, arity: [0, ANY] }],
  ),
]);
