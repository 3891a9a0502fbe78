/** A client with shards on one Redis: each metric has its shard, and nothing is sent to a broker with another number of shards. */
import { queueNames, shardNamespace, shardsKey } from "@chouette-iot/queue";
import { shardOf } from "@chouette-iot/record";
import { ChouetteClient, type ChouetteClientOptions } from "chouette-iot-client";
import { expect, test } from "vitest";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { newFolder } from "../support/folders.js";
import { CLOSED_PORT } from "../support/ports.js";
import { redisForTests } from "../support/redis-for-tests.js";
import { recordsInShards } from "../support/sharded-records.js";
import { until } from "../support/until.js";

const SHARDS = 5;
const server = redisForTests();
const cleanUps = cleanUpsAfterEach();
const records = (kind?: "rawMetrics" | "logs") =>
  recordsInShards((_, ...args) => server.broker.command(...args), SHARDS, kind);

function newClient(options: ChouetteClientOptions = {}): ChouetteClient {
  const client = new ChouetteClient({ url: server.redis.url, shards: SHARDS, aggregate: false, ...options });
  cleanUps.push(() => client.close({ timeoutMs: 0 }));
  return client;
}

test("a metric is in the shard of its name, whatever its type, tags and spelling, by one connection", async () => {
  const client = newClient();
  const names = Array.from({ length: 40 }, (_, index) => `app.metric-${index}`);
  for (const name of names) {
    client.count(name, 1, { tags: { a: "b" } });
    client.gauge(name.replace("-", "_"), 1, { timestamp: 1 });
    client.set(`7${name}`, "element");
  }
  expect(await client.flush({ timeoutMs: 5_000 })).toBe(true);
  const stored = await records();
  expect(stored).toHaveLength(3 * names.length);
  expect(stored.filter(({ shard, json }) => shardOf(String(json.metric), SHARDS) !== shard)).toEqual([]);
  expect(new Set(stored.map(({ shard }) => shard)).size).toBe(SHARDS);
  const clients = `${await server.broker.command("CLIENT", "LIST")}`.trim().split("\n");
  // The test's own, and the client's.
  expect(clients).toHaveLength(2);
  const keys = (await server.broker.command("KEYS", "*")) as string[];
  expect(keys.filter((key) => !key.startsWith("chouette:{"))).toEqual([]);
  expect(keys.some((key) => /^chouette:\{\d\}:client:/.test(key))).toBe(true);
});

test("aggregated calls are in the shard of their name, too", async () => {
  const client = newClient({ aggregate: true });
  for (let call = 0; call < 100; call++) client.increment(`m${call % 10}`);
  expect(await client.flush({ timeoutMs: 5_000 })).toBe(true);
  const stored = await records();
  expect(stored.reduce((sum, { json }) => sum + Number(json.value), 0)).toBe(100);
  expect(stored.filter(({ shard, json }) => shardOf(String(json.metric), SHARDS) !== shard)).toEqual([]);
});

test("logs, events and checks go round the shards, a batch to each", async () => {
  const client = newClient({ lingerMs: 0 });
  const logs = client.logSink();
  for (let batch = 0; batch < SHARDS; batch++) {
    await Promise.all([logs.info(`one ${batch}`), logs.info(`two ${batch}`)]);
  }
  const stored = await records("logs");
  expect(stored.map(({ shard }) => shard)).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
});

test("nothing is sent to a broker with another number of shards, and everything once it is the same", async () => {
  const { command } = server.broker;
  await command("SET", shardsKey(shardNamespace(2)), "12");
  const connections = async () =>
    Number(/total_connections_received:(\d+)/.exec(`${await command("INFO", "stats")}`)?.[1]);
  const before = await connections();
  const errors: string[] = [];
  const client = newClient({ onError: ({ message }) => errors.push(message) });
  for (let call = 0; call < 50; call++) client.count(`m${call}`, 1);
  await until("the error", () => errors.length > 0);
  // Two for each attempt.
  await until("further attempts", async () => (await connections()) >= before + 6);
  expect(errors).toEqual([`the broker has 12 shards, this program ${SHARDS} (CHOUETTE_SHARDS)`]);
  expect(await records()).toEqual([]);
  expect(client.stats()).toMatchObject({ stored: 0, buffered: 50, connected: false });
  await command("SET", shardsKey(shardNamespace(2)), `${SHARDS}`);
  expect(await client.flush({ timeoutMs: 5_000 })).toBe(true);
  expect(await records()).toHaveLength(50);
  // Stored by an agent later: the next connection is refused.
  await command("SET", shardsKey(shardNamespace(0)), "4");
  await command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  client.count("m", 1);
  await until("the refusal", () => errors.some((error) => error.startsWith("the broker has 4 shards")));
  expect(await records()).toHaveLength(50);
});

test("a number of shards that makes no sense isn't replaced by another: nothing is sent", async () => {
  for (const shards of [0, 1.5, Number.NaN, 100_000]) {
    const client = newClient({ shards });
    client.count("m", 1);
    await until("the error", () => client.stats().lastError !== undefined);
    expect(client.stats()).toMatchObject({
      buffered: 1,
      lastError: { message: "shards (CHOUETTE_SHARDS) should be a whole number from 1 to 256" },
    });
  }
  expect(await server.broker.command("DBSIZE")).toBe(0);
});

test("what was spilled with another number of shards, or none, goes to the current shards", async () => {
  const folder = await newFolder();
  cleanUps.push(folder.remove);
  const spill = { folder: folder.path };
  for (const shards of [undefined, 2, 12]) {
    const offline = new ChouetteClient({ port: CLOSED_PORT, aggregate: false, spill, shards });
    for (let call = 0; call < 100; call++) offline.count(`m${call}`, 1, { tags: { shards: shards ?? 0 } });
    offline.logSink().info("spilled");
    await offline.close({ timeoutMs: 0 });
    expect(offline.stats().spilled).toBe(101);
  }
  const client = newClient({ spill });
  expect(await client.flush({ timeoutMs: 5_000 })).toBe(true);
  expect(client.stats()).toMatchObject({ recovered: 303, stored: 303, spilled: 0 });
  const stored = await records();
  expect(stored).toHaveLength(300);
  expect(stored.filter(({ shard, json }) => shardOf(String(json.metric), SHARDS) !== shard)).toEqual([]);
  expect(await records("logs")).toHaveLength(3);
});

test("a client without shards takes over what one with shards has spilled", async () => {
  const folder = await newFolder();
  cleanUps.push(folder.remove);
  const spill = { folder: folder.path };
  const offline = newClient({ url: `redis://127.0.0.1:${CLOSED_PORT}`, spill });
  for (let call = 0; call < 100; call++) offline.count(`m${call}`, 1);
  await offline.close({ timeoutMs: 0 });
  const client = newClient({ shards: undefined, spill });
  expect(await client.flush({ timeoutMs: 5_000 })).toBe(true);
  expect(await server.broker.size(queueNames().rawMetrics)).toBe(100);
});

test("a client that is connected when another number is stored sends nothing any more, after seconds", async () => {
  const client = newClient();
  expect(await client.count("m", 1)).toBe(true);
  await server.broker.command("SET", shardsKey(shardNamespace(1)), "2");
  await until("the refusal", () => client.stats().lastError?.message.startsWith("the broker has 2 shards"));
  expect(client.stats().connected).toBe(false);
  expect(await client.count("m", 1)).toBe(false);
  expect(await records()).toHaveLength(1);
});
