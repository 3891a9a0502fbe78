/** Broken brokers: the program continues, memory stays bounded, and `stats()` has the reason. */
import { createServer, type Socket } from "node:net";
import { ChouetteClient } from "chouette-iot-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lookInto } from "../support/broker-records.js";
import { newFolder } from "../support/folders.js";
import { listen } from "../support/listening.js";
import { CLOSED_PORT } from "../support/ports.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";

const BUFFER = 2_000;
const PASSWORD = "not-to-be-seen";
let client: ChouetteClient | undefined;
let redis: RedisServer | undefined;
let stop: (() => Promise<void>) | undefined;
let errors: string[];

beforeEach(() => {
  errors = [];
});
afterEach(async () => {
  await client?.close({ timeoutMs: 1 });
  await redis?.stop();
  await stop?.();
});

function newClient(url: string): ChouetteClient {
  client = new ChouetteClient({ url, bufferRecords: BUFFER, onError: (error) => errors.push(error.message) });
  return client;
}

/** Makes more calls than the buffer holds, until the error is reported. */
async function troubled(made: ChouetteClient, why: RegExp): Promise<void> {
  await until(`the trouble ${why}`, () => {
    for (let call = 0; call < 500; call++) made.count("m", 1, { timestamp: call });
    // A listener is called in a separate turn.
    const isHeard = errors.some((message) => why.test(message));
    return isHeard && why.test(made.stats().lastError?.message ?? "") && made.stats().dropped.buffer_full > 0;
  });
  const { accepted, stored, buffered, dropped } = made.stats();
  expect(buffered).toBeLessThanOrEqual(BUFFER);
  expect(stored + buffered + dropped.buffer_full).toBe(accepted);
  expect(JSON.stringify([errors, made.stats()])).not.toContain(PASSWORD);
}

/** Buffered records are stored once the broker works again. */
async function recovers(made: ChouetteClient): Promise<void> {
  expect(await made.flush({ timeoutMs: 20_000 })).toBe(true);
  expect(made.stats()).toMatchObject({ buffered: 0, connected: true });
  expect(made.stats().stored).toBeGreaterThan(0);
}

async function addUser(url: string, ...rules: readonly string[]): Promise<void> {
  const broker = await lookInto(url);
  await broker.command("ACL", "SETUSER", "device", "on", `>${PASSWORD}`, ...rules);
  await broker.close();
}

async function serve(talk: (socket: Socket) => void): Promise<string> {
  const listening = await listen(createServer(talk));
  stop = listening.stop;
  return `redis://127.0.0.1:${listening.port}`;
}

test("a wrong password", async () => {
  redis = await startRedis(["--requirepass", "another"]);
  await troubled(newClient(`redis://:${PASSWORD}@127.0.0.1:${redis.port}`), /WRONGPASS/);
});

test("no password where one is wanted", async () => {
  redis = await startRedis(["--requirepass", "another"]);
  await troubled(newClient(redis.url), /NOAUTH/);
});

test("a right user and password, in a database", async () => {
  redis = await startRedis();
  await addUser(redis.url, "~chouette:*", "+@all");
  const made = newClient(`redis://device:${PASSWORD}@127.0.0.1:${redis.port}/3`);
  expect(await made.count("m", 1, { timestamp: 1 })).toBe(true);
});

test("an address that makes no sense", async () => {
  await troubled(newClient(`http://user:${PASSWORD}@127.0.0.1:1`), /protocol/i);
});

test("a user without the right to write", async () => {
  redis = await startRedis();
  await addUser(redis.url, "~*", "+@read", "+@connection");
  await troubled(newClient(`redis://device:${PASSWORD}@127.0.0.1:${redis.port}`), /NOPERM/);
});

test("READONLY, and then no longer", async () => {
  redis = await startRedis();
  const broker = await lookInto(redis.url);
  await broker.command("REPLICAOF", "127.0.0.1", `${CLOSED_PORT}`);
  const made = newClient(redis.url);
  await troubled(made, /READONLY/);
  await broker.command("REPLICAOF", "NO", "ONE");
  await recovers(made);
  await broker.close();
});

test("out of memory, and then no longer", async () => {
  redis = await startRedis(["--maxmemory", "1"]);
  const made = newClient(redis.url);
  await troubled(made, /OOM/);
  const broker = await lookInto(redis.url);
  await broker.command("CONFIG", "SET", "maxmemory", "0");
  await recovers(made);
  await broker.close();
});

test("LOADING", async () => {
  const url = await serve((socket) =>
    socket.on("data", (commands) => {
      for (const _ of commands.toString().matchAll(/^\*\d+\r$/gm))
        socket.write("-LOADING Redis is loading the dataset in memory\r\n");
    }),
  );
  await troubled(newClient(url), /LOADING/);
});

test("a queue that is something else", async () => {
  redis = await startRedis();
  const broker = await lookInto(redis.url);
  await broker.command("SET", "chouette:metrics:raw.keys", "text");
  const made = newClient(redis.url);
  await troubled(made, /WRONGTYPE|commands failed/);
  await broker.command("DEL", "chouette:metrics:raw.keys");
  await recovers(made);
  await broker.close();
});

test("a server that accepts and never answers", async () => {
  const url = await serve((socket) => socket.resume());
  await troubled(newClient(url), /no answer|Disconnects|closed/i);
});

test("a server that answers rubbish", async () => {
  const url = await serve((socket) => socket.on("data", () => socket.write("\x00\x01rubbish\r\n*-7\r\n")));
  await troubled(newClient(url), /./);
});

test("a server that answers everything with OK", async () => {
  const url = await serve((socket) => socket.on("data", () => socket.write("+OK\r\n".repeat(50))));
  await troubled(newClient(url), /./);
});

test("a server that hangs up at once", async () => {
  const url = await serve((socket) => socket.destroy());
  await troubled(newClient(url), /./);
});

test("a disk that refuses the spill", async () => {
  const folder = await newFolder();
  const made = new ChouetteClient({
    port: CLOSED_PORT,
    bufferRecords: BUFFER,
    spill: { folder: "/proc/no-such-place" },
    onError: (error) => errors.push(error.message),
  });
  client = made;
  await until("the error", () => /ENOENT|EACCES|EPERM/.test(errors.join()));
  await troubled(made, /ECONNREFUSED/);
  await folder.remove();
});

test("a spill that is full drops its oldest records, and counts them", async () => {
  const folder = await newFolder();
  const made = new ChouetteClient({
    port: CLOSED_PORT,
    bufferRecords: BUFFER,
    spill: { folder: folder.path, maxBytes: 3 * 1024 * 1024 },
  });
  client = made;
  await until("the spill to be full", () => {
    for (let call = 0; call < 5_000; call++) made.count("m", 1, { timestamp: call });
    return made.stats().dropped.spill_full > 0;
  });
  const { accepted, buffered, spilled, dropped } = made.stats();
  expect(buffered + spilled + dropped.spill_full).toBe(accepted);
  expect(dropped.buffer_full).toBe(0);
  await made.close({ timeoutMs: 1 });
  await folder.remove();
});
