/** A Redis server in every state that occurs on devices, and how the store handles it. */
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expire, StaleEpochError, StaleSettlementError } from "@chouette-iot/queue";
import { RedisStore, type RedisStoreOptions } from "@chouette-iot/queue/redis";
import { newConnection, parsedAddress } from "@chouette-iot/queue/redis/connection";
import { milliseconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { startIntake } from "../../packages/agent/src/intake/intake.js";
import { startAgentProcess, statusPort } from "../support/agent-process.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { newFolder } from "../support/folders.js";
import { listen } from "../support/listening.js";
import { reservedPort } from "../support/ports.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { run } from "../support/running.js";
import { until } from "../support/until.js";

const QUEUE = "chouette:metrics:raw";
const READY = "chouette:metrics:wrapped";
const cleanUps = cleanUpsAfterEach();
async function server(settings: readonly string[] = []): Promise<RedisServer> {
  const redis = await startRedis(settings);
  cleanUps.push(redis.stop);
  return redis;
}

function opened(options: RedisStoreOptions): RedisStore {
  const store = new RedisStore(options);
  cleanUps.push(() => store.close());
  return store;
}

async function answering(options: RedisStoreOptions): Promise<RedisStore> {
  const store = opened(options);
  await until("the store", () => store.size(QUEUE).then(isTrue, isFalse));
  return store;
}

const isTrue = () => true;
const isFalse = () => false;

async function command(redis: RedisServer, ...args: readonly string[]): Promise<unknown> {
  const connection = newConnection(parsedAddress({ url: redis.url }));
  connection.on("error", () => {});
  await connection.connect();
  try {
    return await connection.sendCommand([...args]);
  } finally {
    connection.destroy();
  }
}

function records(count: number, from = 0, bytes = 1_000) {
  return Array.from({ length: count }, (_, index) => ({
    score: from + index,
    id: `id-${from + index}`,
    value: "x".repeat(bytes),
  }));
}

describe("a Redis that is full under noeviction", () => {
  /** Appends until it is refused. @returns how many were stored */
  async function fill(store: RedisStore): Promise<number> {
    for (let stored = 0; ; stored += 10) {
      const refused = await store.append(QUEUE, records(10, stored)).catch((error: Error) => error);
      if (refused instanceof Error) return stored;
    }
  }

  async function full() {
    const redis = await server(["--maxmemory", "5mb", "--maxmemory-policy", "noeviction"]);
    const store = await answering({ url: redis.url });
    await store.settle({ state: new Map([["lease", "mine"]]), count: new Map([["seen", 1]]) });
    const stored = await fill(store);
    await command(redis, "CONFIG", "SET", "maxmemory", "1mb");
    expect(stored).toBeGreaterThan(100);
    return { redis, store, stored };
  }

  it("refuses what would only add, and says why", async () => {
    const { store, stored } = await full();
    const adding = { add: [{ queue: READY, records: records(1) }], count: new Map([["accepted", 1]]) };
    await expect(store.settle(adding)).rejects.toThrow(/^Redis at 127.0.0.1:\d+: OOM/);
    expect(await store.size(READY)).toBe(0);
    expect((await store.counters()).get("accepted")).toBeUndefined();
    expect(await store.size(QUEUE)).toBe(stored);
  });

  it.each([
    ["plain", undefined],
    ["fenced", new Map([["lease", "mine"]])],
  ])("takes a settlement that frees room, whole: %s", async (_, onlyWhile) => {
    const { store, stored } = await full();
    const page = await store.read(QUEUE, { limit: 50 });
    await store.settle({
      ...(onlyWhile === undefined ? {} : { onlyWhile }),
      remove: [{ queue: QUEUE, records: page, counter: `${QUEUE}:aggregated` }],
      add: [{ queue: READY, records: records(5, 0, 100) }],
      state: new Map([["window:1", "emitted"]]),
      count: new Map([[`${READY}:accepted`, 5]]),
    });
    expect(await store.size(QUEUE)).toBe(stored - page.length);
    expect(await store.size(READY)).toBe(5);
    expect(await store.state(["window:1"])).toEqual(["emitted"]);
    expect(Object.fromEntries(await store.counters())).toMatchObject({
      [`${QUEUE}:aggregated`]: page.length,
      [`${READY}:accepted`]: 5,
    });
  });

  it("takes the lease's state, and still refuses a stale settlement", async () => {
    const { store } = await full();
    await store.settle({
      onlyWhile: new Map([["lease", "mine"]]),
      state: new Map([
        ["lease", "another's"],
        ["beat", "1"],
      ]),
    });
    const stale = store.settle({ onlyWhile: new Map([["lease", "mine"]]), state: new Map([["beat", "2"]]) });
    await expect(stale).rejects.toThrow(StaleSettlementError);
    expect(await store.state(["lease", "beat"])).toEqual(["another's", "1"]);
  });

  it("reads on among records of one score, and lets records expire", async () => {
    const { redis, store, stored } = await full();
    await command(redis, "CONFIG", "SET", "maxmemory", "50mb");
    const same = records(200, 1_000_000, 10).map((record) => ({ ...record, score: 2_000_000 }));
    await store.append(QUEUE, same);
    await command(redis, "CONFIG", "SET", "maxmemory", "1mb");
    const [first] = await store.read(QUEUE, { after: { score: 2_000_000, id: "" }, limit: 1 });
    for (let after = first, seen = 1; after !== undefined; seen += 1) {
      const page = await store.read(QUEUE, { after, limit: 1 });
      after = page[0];
      if (after === undefined) expect(seen).toBe(200);
    }
    expect(await expire(store, QUEUE, { before: 2_000_000 })).toBe(stored);
    expect((await store.counters()).get(`${QUEUE}:expired`)).toBe(stored);
    expect(await store.size(QUEUE)).toBe(200);
  });
});

it("a key of another kind refuses the whole settlement, and nothing of it is applied", async () => {
  const redis = await server();
  const store = await answering({ url: redis.url });
  await store.append(QUEUE, records(3));
  await command(redis, "SET", "chouette:counters", "not a hash");
  const settlement = { remove: [{ queue: QUEUE, records: records(3) }], count: new Map([["settled", 3]]) };
  await expect(store.settle(settlement)).rejects.toThrow("WRONGTYPE chouette:counters");
  expect(await store.size(QUEUE)).toBe(3);
});

describe("a Redis that hangs", () => {
  it("is given up though more is sent to it all the time, and used again when it goes on", async () => {
    const redis = await server();
    const patience = { pingInterval: milliseconds(100), answerTimeout: milliseconds(400) };
    const errors: string[] = [];
    const store = await answering({
      url: redis.url,
      patience,
      onDisconnected: ({ message }) => errors.push(message),
    });
    const { epoch } = store;
    redis.signal("SIGSTOP");
    const started = performance.now();
    const first = store.size(QUEUE).catch(({ message }: Error) => message);
    const failed: string[] = [];
    const asking = setInterval(() => {
      store.size(QUEUE).catch(({ message }: Error) => failed.push(message));
    }, 20);
    await until("the calls to be given up", () => failed.length > 5);
    clearInterval(asking);
    expect(await first).toMatch("is unavailable");
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(errors[0]).toMatch(/^Redis at 127.0.0.1:\d+ is unavailable: no answer within 0.4 s$/);
    expect(failed.every((message) => /^Redis at 127.0.0.1:\d+ is unavailable/.test(message))).toBe(true);
    redis.signal("SIGCONT");
    await until("the store", () => store.size(QUEUE).then(isTrue, isFalse));
    expect(store.epoch).toBeGreaterThan(epoch);
  });

  it("doesn't keep the store from closing", async () => {
    const redis = await server();
    const patience = { pingInterval: milliseconds(100), answerTimeout: milliseconds(400) };
    const store = new RedisStore({ url: redis.url, patience });
    await until("the store", () => store.size(QUEUE).then(isTrue, isFalse));
    redis.signal("SIGSTOP");
    const asked = store.size(QUEUE).catch(isFalse);
    await store.close();
    expect(await asked).toBe(false);
  });
});

it("a store whose server is away names its address, and closes", async () => {
  const taken = createServer((socket) => socket.destroy());
  const { port, stop } = await listen(taken);
  let attempts = 0;
  taken.on("connection", () => {
    attempts += 1;
  });
  const store = new RedisStore({ url: `redis://user:secret@127.0.0.1:${port}/0` });
  await until("some attempts", () => attempts > 2);
  const failure = await store.size(QUEUE).catch(({ message }: Error) => message);
  expect(failure).toMatch(`Redis at 127.0.0.1:${port} is unavailable: `);
  expect(failure).not.toContain("secret");
  await store.close();
  const ended = attempts;
  // Longer than it waits before its fourth attempt.
  await sleep(1_000);
  await stop();
  expect(attempts).toBe(ended);
});

it("what was read before a restart with older data can't be settled after it", async () => {
  const redis = await server(["--dbfilename", "older.rdb"]);
  const store = await answering({ url: redis.url });
  await store.append(QUEUE, records(2));
  await command(redis, "SAVE");
  const { epoch } = store;
  await store.settle({
    remove: [{ queue: QUEUE, records: records(2), counter: "settled" }],
    onlyInEpoch: epoch,
  });
  await redis.kill();
  await redis.restart();
  await until("the store", () => store.size(QUEUE).then(isTrue, isFalse));
  expect(await store.size(QUEUE)).toBe(2);
  expect(store.epoch).not.toBe(epoch);
  await expect(store.settle({ count: new Map([["settled", 2]]), onlyInEpoch: epoch })).rejects.toThrow(
    StaleEpochError,
  );
  expect(await store.counters()).toEqual(new Map());
});

describe("a server that Chouette can't work with is named", () => {
  async function refusal(redis: { readonly url: string }): Promise<string> {
    const reported: string[] = [];
    const store = opened({ url: redis.url, onDisconnected: ({ message }) => reported.push(message) });
    await until("the refusal", () => reported.length > 0);
    await expect(store.settle({ count: new Map([["n", 1]]) })).rejects.toThrow(reported[0]);
    return reported[0] ?? "";
  }

  it("a node of a Cluster", async () => {
    const redis = await server(["--cluster-enabled", "yes"]);
    expect(await refusal(redis)).toMatch(/^Redis at 127.0.0.1:\d+: it is a node of a Redis Cluster/);
    // Even if it has all slots, when single keys would work.
    await command(redis, "CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    await until("the cluster", async () => `${await command(redis, "CLUSTER", "INFO")}`.includes("state:ok"));
    expect(await refusal(redis)).toMatch("it is a node of a Redis Cluster");
  });

  it("a Sentinel", async () => {
    const folder = await newFolder();
    const port = await reservedPort();
    const file = `${folder.path}/sentinel.conf`;
    await writeFile(file, `port ${port}\nbind 127.0.0.1\ndir ${folder.path}\n`);
    const sentinel = run("redis-server", [file, "--sentinel"]);
    cleanUps.push(folder.remove, () => sentinel.end("SIGKILL"));
    await sentinel.wrote("Sentinel ID");
    const url = `redis://127.0.0.1:${port}`;
    expect(await refusal({ url })).toMatch(`Redis at 127.0.0.1:${port}: it is a Redis Sentinel`);
  });

  it("one whose state a newer Chouette wrote, which stays as it is", async () => {
    const redis = await server();
    const store = await answering({ url: redis.url });
    await store.settle({ count: new Map([["n", 1]]) });
    expect(await command(redis, "GET", "chouette:format")).toBe("1");
    await command(redis, "SET", "chouette:format", "2");
    // Over a connection that was checked before.
    await expect(store.settle({ count: new Map([["n", 1]]) })).rejects.toThrow("has format 2");
    expect(await refusal(redis)).toMatch("has format 2, which another version of Chouette wrote");
    expect(await command(redis, "HGETALL", "chouette:counters")).toEqual(["n", "1"]);
  });
});

/** The account's name is `chouette`. */
function documentedRights(): readonly string[] {
  const text = readFileSync(new URL("../../docs/OPERATION.md", import.meta.url), "utf8");
  return /ACL SETUSER chouette ([^\n]+)/.exec(text)?.[1]?.split(" ") ?? [];
}

/** An agent that aggregates each second, and an intake for it. */
async function working(settings: Readonly<Record<string, string>>) {
  const intake = await startIntake();
  cleanUps.push(() => intake.close());
  const agent = await startAgentProcess({
    API_KEY: "any",
    DATADOG_URL: `${intake.url}/api`,
    CHOUETTE_HTTP: "127.0.0.1:0",
    AGGREGATE_INTERVAL: "1",
    AGGREGATE_GRACE: "0",
    RELEASE_INTERVAL: "1",
    ...settings,
  });
  cleanUps.push(() => agent.end());
  const http = `http://127.0.0.1:${await statusPort(agent)}`;
  return { intake, agent, http };
}

describe("an account with the rights that docs/OPERATION.md names", () => {
  it("lets a whole agent work, to its end, with nothing refused", async () => {
    const redis = await server();
    const rights = documentedRights();
    await command(redis, "ACL", "SETUSER", "chouette", ...rights);
    const password = rights.find((right) => right.startsWith(">"))?.slice(1);
    const at = `${Math.floor(Date.now() / 1000) - 5}`;
    const record = `{"metric":"m","type":"count","value":1,"timestamp":${at},"tags":{}}`;
    await command(redis, "ZADD", `${QUEUE}.keys`, at, "good", at, "bad");
    await command(redis, "HSET", `${QUEUE}.values`, "good", record, "bad", "no JSON");
    await command(redis, "HSET", `${READY}.values`, "orphan", "{}");
    const url = redis.url.replace("//", `//chouette:${password}@`);
    const { intake, agent, http } = await working({ REDIS_URL: url });
    await until("the count to arrive", () => intake.points().length === 1);
    const { queues } = (await (await fetch(`${http}/status`)).json()) as { queues?: readonly unknown[] };
    expect(queues?.length).toBeGreaterThan(3);
    expect(await agent.end()).toBe(0);
    expect(await command(redis, "ACL", "LOG")).toEqual([]);
  });

  it("can do all that a store does, without INFO as well", async () => {
    const rights = documentedRights();
    expect(rights).toContain("+eval");
    const redis = await server();
    await command(redis, "ACL", "SETUSER", "chouette", ...rights.filter((right) => right !== "+info"));
    const password = rights.find((right) => right.startsWith(">"))?.slice(1);
    const store = await answering({ url: redis.url.replace("//", `//chouette:${password}@`) });
    const same = records(10).map((record) => ({ ...record, score: 1 }));
    await store.append(QUEUE, same);
    await command(redis, "HSET", `${QUEUE}.values`, "stray", "x");
    await command(redis, "ZADD", `${QUEUE}.keys`, "0", "valueless");
    expect(await store.read(QUEUE, { limit: 1 })).toHaveLength(1);
    expect(await store.read(QUEUE, { after: { score: 1, id: "id-5" }, limit: 2 })).toHaveLength(2);
    await store.settle({ remove: [{ queue: QUEUE, records: [{ score: 0, id: "valueless" }] }] });
    expect(await store.orphans(QUEUE, 10)).toHaveLength(1);
    await store.settle({
      onlyWhile: new Map([["lease", undefined]]),
      remove: [{ queue: QUEUE, records: same, counter: "removed" }],
      removeOrphans: [{ queue: QUEUE, ids: ["stray"] }],
      add: [{ queue: READY, records: same }],
      state: new Map([
        ["lease", "mine"],
        ["gone", undefined],
      ]),
      count: new Map([["settled", 1]]),
    });
    expect(await store.stateWithPrefix("")).toEqual(new Map([["lease", "mine"]]));
    expect(await store.state(["lease"])).toEqual(["mine"]);
    expect((await store.counters()).get("removed")).toBe(10);
    expect(await store.size(READY)).toBe(10);
    expect(await store.serverInfo()).toBeUndefined();
    await command(redis, "ACL", "SETUSER", "chouette", "+info");
    expect(await store.serverInfo()).toMatchObject({ version: expect.stringMatching(/^\d+\./) });
    // Only INFO was refused.
    const refused = (await command(redis, "ACL", "LOG")) as unknown[][];
    expect(refused.map((entry) => entry[entry.indexOf("object") + 1])).toEqual(["info"]);
  });
});

it("an agent that reads its queue and can settle nothing isn't ready, though it lives", async () => {
  const redis = await server();
  // A settlement with a dead letter in it is refused whole.
  await command(redis, "SET", "chouette:rejected.values", "no hash");
  const at = `${Date.now() / 1000 - 60}`;
  await command(redis, "ZADD", `${QUEUE}.keys`, at, "bad");
  await command(redis, "HSET", `${QUEUE}.values`, "bad", "no JSON");
  const { http } = await working({ REDIS_URL: redis.url });
  const ready = await until("it not to be ready", async () => {
    const answer = await fetch(`${http}/readyz`);
    return answer.status === 503 ? answer.text() : undefined;
  });
  expect(ready).toMatch(
    /oldest record of chouette:metrics:raw is \d+ s old and nothing was aggregated recently/,
  );
  expect((await fetch(`${http}/healthz`)).status).toBe(200);
  await command(redis, "DEL", "chouette:rejected.values");
  await until("it to be ready", async () => (await fetch(`${http}/readyz`)).status === 200);
});

it("the agent's status reports the memory that a Redis uses, and its limit", async () => {
  const redis = await server(["--maxmemory", "10mb"]);
  const { http } = await working({ REDIS_URL: redis.url });
  const { broker } = (await (await fetch(`${http}/status`)).json()) as { broker: Record<string, unknown> };
  expect(broker).toEqual({
    kind: "redis",
    address: `127.0.0.1:${redis.port}`,
    memory: { usedBytes: expect.any(Number), maxBytes: 10 * 1024 * 1024 },
  });
  const metrics = await (await fetch(`${http}/metrics`)).text();
  expect(metrics).toContain("chouette_broker_memory_limit_bytes 10485760");
});
