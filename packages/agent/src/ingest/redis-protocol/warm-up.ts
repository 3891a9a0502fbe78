/**
 * Makes V8 compile the broker's code for synchronous clients while no client waits.
 *
 * The first thousands of calls take up to three times as long as later ones, since V8 interprets and compiles meanwhile. So once a
 * client has connected, and the machine is idle or has been busy for a minute, the agent becomes its own client: a second
 * broker, with a store that keeps nothing, answers it on a loopback port with a random password. None of these records
 * reaches the queues, the counters or the disk. The work is bounded. Without it, the agent would only be slower.
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type BrokerStore, queueNames } from "@chouette-iot/queue";
import type { Log } from "../../runtime/log.js";
import { untilIdle } from "./idle-machine.js";
import { startBroker } from "./listener.js";

/**
 * Each with a new store and a new connection: V8 takes an object that it has seen once for a constant, and would have to compile
 * again. More or longer rounds gain nothing (docs/decisions/0030-warm-up.md).
 */
const ROUNDS = 20;
export const CALLS_A_ROUND = 250;
/** Calls between two pauses. A pause is as long as the calls before it. */
const SLICE = 25;
/** Limit of the work on a slow device, in milliseconds. */
const MAX_WORK_MS = 3_000;
/** How long to wait for an idle machine, in milliseconds: some are always busy. */
const MAX_WAIT_MS = 60_000;
/** Length of a record's text, in characters. */
const VALUE_LENGTH = 130;
const REPLY_LENGTH = "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:1\r\n".length;
const LOGIN_REPLY_LENGTH = "+OK\r\n".length;

const NOTHING = () => {};
const SILENT: Log = { debug: NOTHING, info: NOTHING, warn: NOTHING, error: NOTHING };

/** The work done so far. */
interface Progress {
  calls: number;
  workMs: number;
}

/**
 * Rejects if the signal is aborted, or if something fails.
 *
 * @param openStore opens a store that keeps nothing
 * @param waitForIdle resolves when the machine is idle, with false if that takes too long
 * @returns the number of calls
 */
export async function warmUp(
  openStore: () => Promise<BrokerStore>,
  signal: AbortSignal,
  waitForIdle = untilIdle,
): Promise<number> {
  const progress: Progress = { calls: 0, workMs: 0 };
  let timeoutMs = MAX_WAIT_MS;
  for (let round = 0; round < ROUNDS && progress.workMs < MAX_WORK_MS; round++) {
    if (!(await waitForIdle(timeoutMs, signal))) timeoutMs = 0;
    await withBroker(await openStore(), (socket) => makeCalls(socket, progress, signal));
  }
  return progress.calls;
}

async function withBroker(store: BrokerStore, use: (socket: Socket) => Promise<void>): Promise<void> {
  const password = randomUUID();
  const options = { store, host: "127.0.0.1", port: 0, password, log: SILENT };
  const broker = await startBroker(options).catch(async (error) => {
    await store.close();
    throw error;
  });
  // Without the signal: Node would keep its listener after the socket's end.
  const socket = connect({ ...broker.address, noDelay: true });
  // `call` rejects when the connection closes.
  socket.on("error", NOTHING);
  try {
    await once(socket, "connect");
    await call(socket, command("AUTH", password), LOGIN_REPLY_LENGTH);
    await use(socket);
  } finally {
    socket.destroy();
    await broker.close();
    await store.close();
  }
}

async function makeCalls(socket: Socket, progress: Progress, signal: AbortSignal): Promise<void> {
  for (let calls = 0; calls < CALLS_A_ROUND && progress.workMs < MAX_WORK_MS; calls += SLICE) {
    signal.throwIfAborted();
    const began = performance.now();
    for (let count = 0; count < SLICE; count++) await call(socket, request(progress.calls++), REPLY_LENGTH);
    const took = performance.now() - began;
    progress.workMs += took;
    await sleep(took);
  }
}

/** Sends a request and resolves when the whole reply has arrived; rejects if the connection closes before. */
function call(socket: Socket, text: string, replyLength: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onClosed = () => reject(new Error("the connection is closed"));
    if (socket.destroyed) return onClosed();
    let missing = replyLength;
    const onData = (bytes: Buffer) => {
      missing -= bytes.length;
      if (missing > 0) return;
      socket.off("data", onData).off("close", onClosed);
      resolve();
    };
    socket.on("data", onData).once("close", onClosed).write(text);
  });
}

/** As redis-py sends it for a pipeline that stores a record. */
function request(number: number): string {
  const queue = queueNames().rawMetrics;
  const now = Date.now() / 1_000;
  const record = JSON.stringify({ metric: "a.metric", type: "count", value: number, timestamp: now });
  const id = randomUUID();
  return (
    command("MULTI") +
    command("ZADD", `${queue}.keys`, `${now}`, id) +
    command("HSET", `${queue}.values`, id, record.padEnd(VALUE_LENGTH)) +
    command("EXEC")
  );
}

function command(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
}
