/**
 * The commands that the broker answers: those that clients of Chouette and their libraries send, and some for people who
 * look into it. docs/BROKER.md lists them for users.
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
  ["HELLO", { run: hello, takes: [0, 6], inTransaction: "refused", beforeLogin: true }],
  ["AUTH", { run: auth, takes: [1, 2], inTransaction: "refused", beforeLogin: true }],
  ["SELECT", { run: select, takes: [1, 1] }],
  ["RESET", { run: reset, takes: [0, 0], inTransaction: "immediate", beforeLogin: true }],
  ["QUIT", { run: quit, takes: [0, ANY], inTransaction: "immediate", beforeLogin: true }],

  ["CLIENT", { run: client, takes: [1, ANY], inTransaction: "refused" }],
  ["COMMAND", { run: command, takes: [0, ANY] }],
  ["INFO", { run: info, takes: [0, ANY] }],
  ["PING", { run: ping, takes: [0, 1] }],
  ["ECHO", { run: echo, takes: [1, 1] }],
  ["POST", { run: crossProtocol, takes: [0, ANY], inTransaction: "immediate", beforeLogin: true }],
  ["HOST:", { run: crossProtocol, takes: [0, ANY], inTransaction: "immediate", beforeLogin: true }],

  ["MULTI", { run: multi, takes: [0, 0], inTransaction: "immediate" }],
  ["EXEC", { run: exec, takes: [0, 0], inTransaction: "immediate" }],
  ["DISCARD", { run: discard, takes: [0, 0], inTransaction: "immediate" }],
  ["WATCH", { run: watch, takes: [1, ANY], inTransaction: "immediate" }],
  ["UNWATCH", { run: unwatch, takes: [0, 0] }],

  ["ZADD", { run: zadd, takes: [3, ANY] }],
  ["HSET", { run: hset, takes: [3, ANY] }],
  ["HMSET", { run: hmset, takes: [3, ANY] }],
  ["SET", { run: setMarker, takes: [2, ANY] }],
  ["GET", { run: getMarker, takes: [1, 1] }],
  ["MGET", { run: getMarkers, takes: [1, MAX_KEYS] }],

  ["ZCARD", { run: zcard, takes: [1, 1] }],
  ["HLEN", { run: hlen, takes: [1, 1] }],
  ["ZRANGE", { run: zrange, takes: [3, ANY] }],
  ["ZRANGEBYSCORE", { run: zrangebyscore, takes: [3, ANY] }],
  ["HGET", { run: hget, takes: [2, 2] }],
  ["HMGET", { run: hmget, takes: [2, ANY] }],

  ["EXISTS", { run: exists, takes: [1, MAX_KEYS] }],
  ["TYPE", { run: type, takes: [1, 1] }],
  ["TTL", { run: ttl, takes: [1, 1] }],
  ["PTTL", { run: ttl, takes: [1, 1] }],
  ["DBSIZE", { run: dbsize, takes: [0, 0] }],
  ["KEYS", { run: keys, takes: [1, 1] }],
  ["SCAN", { run: scan, takes: [1, ANY] }],

  ...["DEL", "UNLINK", "FLUSHALL", "FLUSHDB", "ZREM", "HDEL", "ZREMRANGEBYSCORE", "EXPIRE"].map(
    (name): [string, Command] => [name, { run: removal, takes: [0, ANY] }],
  ),
]);
