/** The connection of a store to a real server that ends, hangs, is demoted, or has another version's state. */
import { milliseconds } from "@chouette-iot/record";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { reservedPort } from "../../../../tests/support/ports.js";
import { type RedisServer, startRedis } from "../../../../tests/support/redis-server.js";
import { until } from "../../../../tests/support/until.js";
import { CheckedConnection, type Patience } from "./checked-connection.js";
import { type KeySpace, stateOf } from "./keys.js";
import { newConnection, parsedAddress, type RedisConnection } from "./redis-connection.js";

const PLAIN: KeySpace = { namespace: "chouette", isShard: false };
const SHARD: KeySpace = { namespace: "chouette:{0}", isShard: true };
const ATTENTIVE = { pingInterval: milliseconds(30) };
/** Long enough for a busy machine to answer. */
const IMPATIENT = { ...ATTENTIVE, answerTimeout: milliseconds(600) };

let redis: RedisServer;
let raw: RedisConnection;
const open: CheckedConnection[] = [];

beforeAll(async () => {
  redis = await startRedis();
  raw = await connected();
});
afterEach(async () => {
  for (const connection of open.splice(0)) await connection.close();
  await raw.sendCommand(["FLUSHALL"]);
});
afterAll(async () => {
  raw.destroy();
  await redis.stop();
});

async function connected(): Promise<RedisConnection> {
  const connection = newConnection(parsedAddress({ url: redis.url }));
  connection.on("error", () => {});
  await connection.connect();
  return connection;
}

function connect(keys = PLAIN, patience: Partial<Patience> = {}) {
  const events: string[] = [];
  const connection = new CheckedConnection(
    { url: redis.url },
    keys,
    {
      onConnected: (server) => events.push(`connected to ${server}`),
      onDisconnected: ({ message }) => events.push(message),
    },
    patience,
  );
  open.push(connection);
  const ask = (...command: string[]) => connection.run((client) => client.sendCommand<unknown>(command));
  const isUp = (epoch: number) => until(`connection ${epoch}`, () => connection.epoch === epoch);
  return { connection, events, ask, isUp };
}

const name = () => `127.0.0.1:${redis.port}`;
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => "it worked",
    ({ message }: Error) => message,
  );
const clients = async () => `${await raw.sendCommand(["CLIENT", "LIST"])}`.trim().split("\n").length;

it("rejects calls until the server has proved suitable, and names it in each error", async () => {
  const { connection, events, ask, isUp } = connect();
  expect([connection.server, connection.epoch, connection.isCluster]).toEqual([undefined, 0, false]);
  expect(await failure(ask("PING"))).toBe(`Redis at ${name()} is unavailable: not connected yet`);
  await isUp(1);
  expect([connection.server, events]).toEqual([name(), [`connected to ${name()}`]]);
  expect(await ask("PING")).toBe("PONG");
  expect(await failure(ask("NOPE"))).toMatch(new RegExp(`^Redis at ${name()}: ERR unknown command`));
  const own = new RangeError("none of the server's");
  await expect(connection.run(() => Promise.reject(own))).rejects.toBe(own);
  await expect(connection.run(() => Promise.reject("a text"))).rejects.toEqual(new Error("a text"));
  expect(connection.epoch).toBe(1);
});

it("pings the server, and connects again when it is back, each time with another epoch", async () => {
  const { connection, events, ask, isUp } = connect(PLAIN, ATTENTIVE);
  await isUp(1);
  const pings = async () =>
    /cmdstat_ping:calls=(\d+)/.exec(`${await raw.sendCommand(["INFO", "commandstats"])}`)?.[1];
  await raw.sendCommand(["CONFIG", "RESETSTAT"]);
  await until("pings", async () => Number((await pings()) ?? 0) >= 3);
  expect(events.length).toBe(1);
  await redis.kill();
  await until("the end to be noticed", () => events.length > 1);
  expect(await failure(ask("PING"))).toMatch(new RegExp(`^Redis at ${name()} is unavailable: .`));
  expect([connection.server, connection.epoch]).toEqual([name(), 1]);
  await redis.restart();
  raw = await connected();
  await isUp(2);
  expect(await ask("PING")).toBe("PONG");
  expect(
    new Set(events.slice(1, -1).map((text) => text.startsWith(`Redis at ${name()} is unavailable: `))),
  ).toEqual(new Set([true]));
  expect(events.at(-1)).toBe(`connected to ${name()}`);
});

it("drops a server that hangs, with all that it was asked, and keeps a slow one", async () => {
  const { events, ask, isUp } = connect(PLAIN, IMPATIENT);
  await isUp(1);
  redis.signal("SIGSTOP");
  const began = performance.now();
  try {
    expect(await failure(ask("PING"))).toMatch(new RegExp(`^Redis at ${name()} is unavailable: `));
    expect(performance.now() - began).toBeGreaterThan(500);
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(events.slice(1)).toContain(`Redis at ${name()} is unavailable: no answer within 0.6 s`);
  } finally {
    redis.signal("SIGCONT");
  }
  await isUp(2);
  // One that is only slower than the pings' interval is kept.
  await raw.sendCommand(["DEBUG", "SLEEP", "0.1"]).catch(() => {});
  expect(await ask("PING")).toBe("PONG");
  expect(events.filter((text) => text.startsWith("connected")).length).toBe(2);
});

it("refuses a server with another version's state until that is gone, on the same connection", async () => {
  await raw.sendCommand(["SET", "chouette:format", "99"]);
  const before = await clients();
  const { connection, events, ask, isUp } = connect();
  await until("the refusal", () => events.length > 0);
  expect(events[0]).toMatch(new RegExp(`^Redis at ${name()}: the state in Redis has format 99`));
  expect(await failure(ask("SET", "x", "1"))).toMatch("the state in Redis has format 99");
  expect([connection.epoch, await raw.sendCommand(["GET", "x"])]).toEqual([0, null]);
  await raw.sendCommand(["DEL", "chouette:format"]);
  await isUp(1);
  expect(await clients()).toBe(before + 1);
  expect(events.at(-1)).toBe(`connected to ${name()}`);
  expect(await ask("SET", "x", "1")).toBe("OK");
});

it("leaves a server of a shard that is no master any more, and comes back when it is", async () => {
  const { connection, events, ask, isUp } = connect(SHARD);
  await isUp(1);
  expect(connection.isCluster).toBe(false);
  await raw.sendCommand(["REPLICAOF", "127.0.0.1", "1"]);
  expect(await failure(ask("SET", stateOf(SHARD.namespace), "1"))).toContain("READONLY");
  await until("the role to be checked", () => events.some((text) => text.includes("it is no master but a")));
  expect(connection.epoch).toBe(1);
  await raw.sendCommand(["REPLICAOF", "NO", "ONE"]);
  await isUp(2);
  expect(await ask("PING")).toBe("PONG");
});

it("a server without shards may refuse writes for a while: it is kept", async () => {
  const { connection, ask, isUp } = connect();
  await isUp(1);
  await raw.sendCommand(["REPLICAOF", "127.0.0.1", "1"]);
  expect(await failure(ask("SET", "x", "1"))).toContain("READONLY");
  await raw.sendCommand(["REPLICAOF", "NO", "ONE"]);
  expect(await ask("SET", "x", "1")).toBe("OK");
  expect(connection.epoch).toBe(1);
});

it("closes once what was asked is answered, and stays closed", async () => {
  const before = await clients();
  const { connection, events, ask, isUp } = connect(PLAIN, ATTENTIVE);
  await isUp(1);
  const asked = Promise.all([ask("PING"), ask("PING")]);
  await new Promise(setImmediate);
  await connection.close();
  expect(await asked).toEqual(["PONG", "PONG"]);
  await until("the connection to be gone", async () => (await clients()) === before);
  expect(await failure(ask("PING"))).toMatch(/is unavailable/);
  // One that never connected doesn't try to any more.
  const other = connect();
  await other.connection.close();
  await new Promise((resolve) => setTimeout(resolve, 120));
  expect([await clients(), events.length, other.events.length]).toEqual([before, 1, 0]);
});

it("an address that is none is refused when it is made", () => {
  expect(() => new CheckedConnection({ url: "http://h" }, PLAIN)).toThrow("unknown protocol");
});

it("leaves no timer when it is closed while it waits to connect again", async () => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const events: string[] = [];
  const connection = new CheckedConnection({ url: `redis://127.0.0.1:${await reservedPort()}` }, PLAIN, {
    onDisconnected: ({ message }) => events.push(message),
  });
  await until("failed attempts", () => events.length > 2);
  await until("the timers of others to end", () => timers() === 1);
  await connection.close();
  expect(timers()).toBe(0);
});
