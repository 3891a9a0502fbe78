/**
 * Clients of the embedded broker that send valid and invalid requests: RESP2 and RESP3, inline requests, truncated
 * frames, nested arrays, wrong lengths, unfinished transactions, flipped bits; byte by byte, without reading replies,
 * and ending in any way.
 */
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { queueNames } from "@chouette-iot/queue";
import { pick, type Random } from "../support/random.js";
import { requestOf } from "../support/raw-redis.js";
import { flipBit, oneOf, times } from "./json-grammar.js";
import { storingOf } from "./record-fuzzer.js";

const { rawMetrics, logs, rejected } = queueNames();
const KEYS = [
  `${rawMetrics}.keys`,
  `${rawMetrics}.values`,
  `${logs}.keys`,
  `${rejected}.values`,
  "chouette:client:fuzz-a",
  "chouette:client:fuzz-b",
  "chouette:made:up.keys",
  "chouette:made:up.values",
  "another",
  "",
] as const;
const NAMES = [
  "HELLO",
  "AUTH",
  "SELECT",
  "RESET",
  "QUIT",
  "CLIENT",
  "COMMAND",
  "INFO",
  "PING",
  "ECHO",
  "POST",
  "MULTI",
  "EXEC",
  "DISCARD",
  "WATCH",
  "UNWATCH",
  "ZADD",
  "HSET",
  "HMSET",
  "SET",
  "GET",
  "ZCARD",
  "HLEN",
  "ZRANGE",
  "ZRANGEBYSCORE",
  "HGET",
  "HMGET",
  "EXISTS",
  "TYPE",
  "TTL",
  "DBSIZE",
  "KEYS",
  "SCAN",
  "DEL",
  "FLUSHALL",
  "NOSUCH",
  "",
] as const;
const WORDS = [
  "0",
  "-1",
  "1",
  "9999999",
  "inf",
  "(1",
  "nan",
  "2",
  "3",
  "EX",
  "60",
  "WITHSCORES",
  "LIMIT",
  "MATCH",
  "*",
  "*?*?*?*",
  "SETNAME",
  "LIST",
  "INFO",
  "ID",
  "KILL",
  "a",
  "\r\n",
  "\xff",
  "{}",
] as const;
const CONNECTIONS = 12;
const MAX_PIECES = 30;
const MAX_HELD_MS = 1_500;
const KIBIBYTE = 1024;

/** Connects until it is stopped. Resolves with how many connections there were. */
export function startListenerFuzzer(port: number, random: Random): { stop(): Promise<number> } {
  let isStopped = false;
  let connections = 0;
  const slots = Array.from({ length: CONNECTIONS }, async () => {
    while (!isStopped) {
      connections++;
      await oneConnection(port, random, () => isStopped);
    }
  });
  return {
    stop: async () => {
      isStopped = true;
      await Promise.all(slots);
      return connections;
    },
  };
}

async function oneConnection(port: number, random: Random, isStopped: () => boolean): Promise<number> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: random() < 0.5 });
  socket.on("error", () => {});
  if (random() < 0.8) socket.resume();
  let isGone = false;
  socket.on("close", () => {
    isGone = true;
  });
  let sent = 0;
  for (const piece of times(random, MAX_PIECES, () => pieceOf(random))) {
    if (isGone || isStopped()) break;
    sent += piece.length;
    await send(socket, piece, random);
  }
  await pick<() => Promise<unknown> | undefined>(random, [
    [4, () => void socket.destroy()],
    [4, () => void socket.end()],
    [1, () => pause(random() * MAX_HELD_MS)],
  ])();
  // A socket that was only ended and never reads would stay forever.
  await pause(20);
  socket.destroy();
  return sent;
}

async function send(socket: Socket, piece: Buffer, random: Random): Promise<void> {
  if (random() < 0.05 && piece.length < 2 * KIBIBYTE) {
    for (const byte of piece) {
      if (socket.destroyed) return;
      socket.write(Buffer.of(byte));
      if (random() < 0.1) await pause(0);
    }
    return;
  }
  const at = random() < 0.2 ? Math.floor(random() * piece.length) : piece.length;
  socket.write(piece.subarray(0, at));
  if (at < piece.length) {
    await pause(random() * 10);
    socket.write(piece.subarray(at));
  }
  // Lets the others run, and waits while much is unsent.
  if (random() < 0.5 || socket.writableLength > KIBIBYTE * KIBIBYTE) await pause(random() * 5);
}

function pieceOf(random: Random): Buffer {
  return pick<() => Buffer>(random, [
    [30, () => commandOf(random)],
    [10, () => storingOf(random, Math.floor(random() * 1e9))],
    [8, () => inlineOf(random)],
    [6, () => flipBit(random, commandOf(random))],
    [3, () => flipBit(random, storingOf(random, Math.floor(random() * 1e9)))],
    [3, () => halfOf(random)],
    [3, () => liesOf(random)],
    [2, () => nestedOf(random)],
    [3, () => openTransaction(random)],
    [2, () => markers(random)],
    [1, () => Buffer.from(times(random, 200, () => Math.floor(random() * 256)))],
  ])();
}

function argumentOf(random: Random): string | Buffer {
  return pick<() => string | Buffer>(random, [
    [5, () => oneOf(random, KEYS)],
    [5, () => oneOf(random, WORDS)],
    [1, () => Buffer.from(times(random, 20, () => Math.floor(random() * 256)))],
    [0.3, () => "x".repeat(random() * 100 * KIBIBYTE)],
    [0.02, () => "x".repeat(3 * KIBIBYTE * KIBIBYTE)],
  ])();
}

function commandOf(random: Random): Buffer {
  const args = [oneOf(random, NAMES), ...times(random, 5, () => argumentOf(random))];
  const once = requestOf(args);
  return random() < 0.1 ? Buffer.concat(Array.from({ length: 100 }, () => once)) : once;
}

function inlineOf(random: Random): Buffer {
  const quoted = (word: string) =>
    oneOf(random, [word, `"${word}"`, `'${word}'`, `"${word}`, `"\\x${word}"`, `${word}"a"`]);
  const words = [oneOf(random, NAMES), ...times(random, 4, () => quoted(oneOf(random, WORDS)))];
  return Buffer.from(`${words.join(" ")}${oneOf(random, ["\r\n", "\n", "\n\n", "\r"])}`, "latin1");
}

function halfOf(random: Random): Buffer {
  const whole = commandOf(random);
  return whole.subarray(0, Math.floor(random() * whole.length));
}

function liesOf(random: Random): Buffer {
  const length = () =>
    oneOf(random, [
      "-1",
      "-2",
      "0",
      "1",
      "3",
      "2097152",
      "2097153",
      "99999999999999999",
      "1e9",
      "",
      "+1",
      "0x1",
    ]);
  return Buffer.from(
    oneOf(random, [
      `*${length()}\r\n`,
      `*1\r\n$${length()}\r\nab\r\n`,
      `*2\r\n$4\r\nECHO\r\n$${length()}\r\nabc`,
      `*${length()}\r\n$4\r\nPING\r\n`,
      `$${length()}\r\nPING\r\n`,
    ]),
  );
}

function nestedOf(random: Random): Buffer {
  const depth = oneOf(random, [1, 5, 1_000]);
  return Buffer.from(
    oneOf(random, [
      `${"*1\r\n".repeat(depth)}$4\r\nPING\r\n`,
      `%1\r\n$1\r\na\r\n:1\r\n`,
      `*2\r\n$4\r\nECHO\r\n*1\r\n$1\r\na\r\n`,
      `~1\r\n+PING\r\n`,
      `*1\r\n+PING\r\n`,
      `*2\r\n$4\r\nECHO\r\n_\r\n`,
      `>1\r\n$4\r\nPING\r\n`,
    ]),
  );
}

/** A MULTI with much data and without EXEC: nothing of it may be stored. */
function openTransaction(random: Random): Buffer {
  const value = "x".repeat(random() * 300 * KIBIBYTE);
  const sets = times(random, 10, () => requestOf(["HSET", `${logs}.values`, `open-${random()}`, value]));
  return Buffer.concat([
    requestOf(["MULTI"]),
    ...sets,
    requestOf([oneOf(random, ["PING", "DISCARD", "MULTI"])]),
  ]);
}

function markers(random: Random): Buffer {
  return Buffer.concat(
    times(random, 50, () =>
      requestOf(["SET", `chouette:client:fuzz-${random()}`, "x".repeat(random() * 1_100), "EX", "60"]),
    ),
  );
}
