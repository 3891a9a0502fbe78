/** A Redis Cluster of three masters: a store finds its shard, and follows it to another node. */
import { queueNames, shardNamespace, shardsKey } from "@chouette-iot/queue";
import { RedisStore, type RedisStoreOptions } from "@chouette-iot/queue/redis";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { type RedisCluster, slotOf, startCluster } from "../support/redis-cluster.js";
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

function newStore(shard: number, options: RedisStoreOptions = {}): RedisStore {
  const namespace = shardNamespace(shard);
  const store = new RedisStore({ url: cluster.url, namespace, shard: true, ...options });
  cleanUps.push(() => store.close());
  return store;
}

test("the slot of a shard is that of its number", async () => {
  for (let shard = 0; shard < 20; shard++) {
    const slot = await cluster.command(cluster.ports[0] ?? 0, "CLUSTER", "KEYSLOT", shardNamespace(shard));
    expect(slotOf(shardNamespace(shard))).toBe(slot);
  }
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
