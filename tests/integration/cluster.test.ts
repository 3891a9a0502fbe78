/** A Redis Cluster of three masters: stores and clients find each shard, and follow it to another node. Nothing is lost or comes twice. */
import { queueNames, shardNamespace, shardsKey } from "@chouette-iot/queue";
import { RedisStore, type RedisStoreOptions } from "@chouette-iot/queue/redis";
import { shardOf } from "@chouette-iot/record";
import { ChouetteClient, type ChouetteClientOptions } from "chouette-iot-client";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { newFolder } from "../support/folders.js";
import { type RedisCluster, slotOf, startCluster } from "../support/redis-cluster.js";
import { recordsInShards } from "../support/sharded-records.js";
import { until } from "../support/until.js";

const SHARDS = 6;
const cleanUps = cleanUpsAfterEach();
let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await startCluster({ hasReplicas: true });
}, 60_000);
afterAll(() => cluster.stop());
beforeEach(async () => {
  for (let shard = 0; shard < SHARDS; shard++) await cluster.commandAt(shardNamespace(shard), "FLUSHALL");
});

const records = (kind?: "rawMetrics" | "logs") => recordsInShards(cluster.commandAt, SHARDS, kind);

function newStore(shard: number, options: RedisStoreOptions = {}): RedisStore {
  const namespace = shardNamespace(shard);
  const store = new RedisStore({ url: cluster.url, namespace, shard: true, ...options });
  cleanUps.push(() => store.close());
  return store;
}

function newClient(options: ChouetteClientOptions = {}): ChouetteClient {
  const client = new ChouetteClient({
    url: cluster.url,
    shards: SHARDS,
    aggregate: false,
    answerTimeoutMs: 60_000,
    // Each call has another tag.
    cardinalityLimit: 1_000_000,
    ...options,
  });
  cleanUps.push(() => client.close({ timeoutMs: 0 }));
  return client;
}

/** Calls of 30 metrics, as long as it isn't stopped. @returns the number of calls */
function startCalls(client: ChouetteClient): { stop(): number } {
  let calls = 0;
  const logs = client.logSink();
  const timer = setInterval(() => {
    for (let more = 0; more < 20; more++) client.count(`m${calls % 30}`, 1, { tags: { call: calls++ } });
    logs.info("log", { call: calls });
  }, 5);
  const stop = () => {
    clearInterval(timer);
    return calls;
  };
  cleanUps.push(stop);
  return { stop };
}

/** Every call is in the shard of its metric, once. */
async function expectEachOnce(client: ChouetteClient, calls: number): Promise<void> {
  expect(await client.flush({ timeoutMs: 20_000 })).toBe(true);
  const stored = await records();
  expect(stored.filter(({ shard, json }) => shardOf(String(json.metric), SHARDS) !== shard)).toEqual([]);
  const found = stored.map(({ json }) => Number((json.tags as { call: string }).call)).sort((a, b) => a - b);
  expect(found).toEqual(Array.from({ length: calls }, (_, call) => call));
  const logs = (await records("logs")).map(({ json }) => json.call);
  expect(new Set(logs).size).toBe(logs.length);
  expect(client.stats().stored).toBe(found.length + logs.length);
}

test("the slot of a shard is that of its number", async () => {
  for (let shard = 0; shard < 20; shard++) {
    const slot = await cluster.command(cluster.ports[0] ?? 0, "CLUSTER", "KEYSLOT", shardNamespace(shard));
    expect(slotOf(shardNamespace(shard))).toBe(slot);
  }
});

test("a client without shards stores nothing, and the error says what it needs", async () => {
  const client = newClient({ shards: undefined });
  client.count("m", 1);
  await until("the error", () => client.stats().lastError !== undefined);
  expect(client.stats()).toMatchObject({
    buffered: 1,
    lastError: { message: "the broker is a Redis Cluster, which needs shards (CHOUETTE_SHARDS)" },
  });
});

test("a store works on the shard that it is for, whichever node it is given", async () => {
  for (let shard = 0; shard < SHARDS; shard++) {
    const { rawMetrics, readyMetrics } = queueNames(shardNamespace(shard));
    const port = cluster.ports[shard % cluster.ports.length] ?? 0;
    const store = newStore(shard, { url: `redis://127.0.0.1:${port}` });
    await until("the store", () => store.size(rawMetrics).then(() => true));
    const add = [{ id: "a", score: 1, value: "{}" }];
    await store.append(rawMetrics, add);
    const page = await store.read(rawMetrics, { limit: 10 });
    await store.settle({
      remove: [{ queue: rawMetrics, records: page, counter: "aggregated" }],
      add: [{ queue: readyMetrics, records: add }],
      state: new Map([["window", "1"]]),
    });
    expect(await store.size(readyMetrics)).toBe(1);
    expect(await store.state(["window"])).toEqual(["1"]);
    expect((await store.census([rawMetrics, readyMetrics])).pending.get(rawMetrics)).toBe(0);
    expect(store.server).toBe(`127.0.0.1:${await cluster.masterOf(rawMetrics)}`);
  }
});

test("the number of shards is stored once, and replaced only if it is the expected one", async () => {
  const stores = [newStore(3), newStore(3)];
  const [store = newStore(3)] = stores;
  await until("the stores", async () => (await Promise.all(stores.map((each) => each.shards()))) && true);
  expect(await store.shards()).toBeUndefined();
  const won = await Promise.all(stores.map((each, index) => each.replaceShards(undefined, 6 + index)));
  expect(won.filter((each) => each)).toHaveLength(1);
  expect(await store.shards()).toBe(won[0] ? 6 : 7);
  expect(await store.replaceShards(5, 12)).toBe(false);
  expect(await store.replaceShards(won[0] ? 6 : 7, 12)).toBe(true);
  expect(await store.shards()).toBe(12);
  await cluster.commandAt(shardNamespace(3), "SET", shardsKey(shardNamespace(3)), "many");
  await expect(store.shards()).rejects.toThrow(/"many", which is not a number of shards/);
});

test("a store follows its slot, and what was refused meanwhile wasn't applied", async () => {
  const store = newStore(2);
  const { rawMetrics } = queueNames(shardNamespace(2));
  await until("the store", () => store.size(rawMetrics).then(() => true));
  const former = await cluster.masterOf(rawMetrics);
  let stored = 0;
  let refused = 0;
  const add = async () => {
    const value = `{"number":${stored}}`;
    await store.settle({
      add: [{ queue: rawMetrics, records: [{ id: `${stored}`, score: stored, value }] }],
      count: new Map([["added", 1]]),
    });
    stored += 1;
  };
  const tryToAdd = () =>
    add().catch(() => {
      refused += 1;
    });
  for (let more = 0; more < 10; more++) await add();
  const port = await cluster.moveSlot(rawMetrics, tryToAdd);
  expect(port).not.toBe(former);
  await until("the store at the new master", () => add().then(() => true));
  expect(refused).toBeGreaterThan(0);
  expect(store.server).toBe(`127.0.0.1:${port}`);
  const page = await store.read(rawMetrics, { limit: 1_000 });
  expect(page.map(({ id }) => Number(id))).toEqual(Array.from({ length: stored }, (_, number) => number));
  expect((await store.counters()).get("added")).toBe(stored);
});

test("slots that move while a client writes: each record is stored once, in its shard", async () => {
  const client = newClient();
  const calls = startCalls(client);
  const storesMore = async () => {
    const { stored } = client.stats();
    await until("more records", () => client.stats().stored > stored);
  };
  await storesMore();
  for (const shard of [1, 4]) {
    await cluster.moveSlot(shardNamespace(shard), storesMore);
    await storesMore();
  }
  await expectEachOnce(client, calls.stop());
});

test("a master that is replaced in order, and one that is killed: each record is stored once", async () => {
  const client = newClient({ waitReplicas: 1 });
  const calls = startCalls(client);
  await until("the first records", () => client.stats().stored > 100);
  await cluster.failOver(shardNamespace(3));
  await until("records after the failover", () => client.stats().stored > 200);
  const killed = await cluster.masterOf(shardNamespace(0));
  const { rawMetrics } = queueNames(shardNamespace(0));
  // The address that it is given will be gone: it knows the other nodes from the Cluster.
  const store = newStore(0, { url: `redis://127.0.0.1:${killed}` });
  await until("the store", () => store.size(rawMetrics).then(() => true));
  await cluster.kill(killed);
  const next = await until("another master", async () => {
    const port = await cluster.masterOf(rawMetrics);
    return port !== killed && port;
  });
  await until("the store at the new master", () => store.size(rawMetrics).then(() => true));
  expect(store.server).toBe(`127.0.0.1:${next}`);
  await cluster.restart(killed);
  await expectEachOnce(client, calls.stop());
  expect(client.stats().connected).toBe(true);
}, 60_000);

test("a batch that was in doubt when it was spilled is asked about at its shard, and stored once", async () => {
  const folder = await newFolder();
  cleanUps.push(folder.remove);
  const spill = { folder: folder.path };
  const first = newClient({ spill });
  const calls = 60;
  const call = (number: number) => first.count(`m${number % 30}`, 1, { tags: { call: number } });
  await Promise.all(Array.from({ length: calls }, (_, number) => call(number)));
  const masters = new Set<number>();
  for (let shard = 0; shard < SHARDS; shard++) masters.add(await cluster.masterOf(shardNamespace(shard)));
  for (const port of masters) cluster.signal(port, "SIGSTOP");
  for (let number = calls; number < 2 * calls; number++) call(number);
  // Longer than it lingers: the batches are on their way.
  await new Promise((resolve) => setTimeout(resolve, 50));
  await first.close({ timeoutMs: 0 });
  expect(first.stats().spilled).toBe(calls);
  for (const port of masters) cluster.signal(port, "SIGCONT");
  const second = newClient({ spill });
  expect(await second.flush({ timeoutMs: 20_000 })).toBe(true);
  expect(second.stats()).toMatchObject({ recovered: calls, spilled: 0 });
  const stored = (await records()).map(({ json }) => Number((json.tags as { call: string }).call));
  expect(stored.sort((a, b) => a - b)).toEqual(Array.from({ length: 2 * calls }, (_, number) => number));
});
