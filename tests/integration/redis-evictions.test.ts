/** A Redis with an `allkeys` policy: its evictions are in the ledger, as a number or as a loss of unknown size. */
import { queueNames } from "@chouette-iot/queue";
import { RedisStore } from "@chouette-iot/queue/redis";
import { afterEach, beforeEach, expect, it } from "vitest";
import { RedisEvictions } from "../../packages/agent/src/housekeeping/redis-evictions.js";
import { ledgerOf } from "../../packages/agent/src/status/ledger.js";
import { type Broker, lookInto } from "../support/broker-records.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";

const names = queueNames();
/** Of a megabyte each: less than Redis may hold. */
const OLD_FILLERS = 12;

let redis: RedisServer;
let broker: Broker;
let store: RedisStore;

beforeEach(async () => {
  redis = await startRedis([
    "--maxmemory",
    "20mb",
    "--maxmemory-policy",
    "allkeys-lru",
    "--maxmemory-samples",
    "64",
  ]);
  broker = await lookInto(redis.url);
  store = new RedisStore({ url: redis.url });
  await until("the store", async () => (await store.size("q")) >= 0);
});
afterEach(async () => {
  await store.close();
  await broker.close();
  await redis.stop();
});

function records(count: number, from = 0) {
  return Array.from({ length: count }, (_, n) => ({
    score: from + n,
    id: `id-${from + n}`,
    value: "x".repeat(100),
  }));
}

async function ready(count: number): Promise<void> {
  await store.settle({
    add: [{ queue: names.readyMetrics, records: records(count) }],
    count: new Map([[`${names.readyMetrics}:accepted`, count]]),
  });
}

/** Has Redis evict the keys of these queues, by what somebody else stores, and none of those that are in use. */
async function evict(queues: readonly string[]): Promise<void> {
  const inUse = ["chouette:counters", "chouette:notes", "chouette:format"];
  const keys = queues.flatMap((queue) => [`${queue}.keys`, `${queue}.values`]);
  const fill = (n: number) => broker.command("SET", `filler:${n}`, "y".repeat(1_000_000));
  // Redis takes the keys that it finds idle the longest, and counts that in seconds: first the queues, then these.
  await untilIdle(keys);
  for (let n = 0; n < OLD_FILLERS; n++) await fill(n);
  await untilIdle(Array.from({ length: OLD_FILLERS }, (_, n) => `filler:${n}`));
  for (let n = OLD_FILLERS; (await broker.command("EXISTS", ...keys)) !== 0; n++) {
    await broker.command("TOUCH", ...inUse);
    await fill(n);
  }
}

async function untilIdle(keys: readonly string[]): Promise<void> {
  await until("keys to be idle", async () => {
    const idle = await Promise.all(keys.map((key) => broker.command("OBJECT", "IDLETIME", key)));
    return idle.every((time) => Number(time) >= 2);
  });
}

async function ledger(queue: string) {
  const counters = await store.counters();
  return ledgerOf(queue, counters, await store.size(queue));
}

it("counts what is known to be lost, and says that more may be lost where clients write", async () => {
  const evictions = new RedisEvictions(store, store, names);
  await ready(40);
  await store.append(names.logs, records(30));
  await evictions.check();
  expect(await store.counters()).toEqual(new Map([[`${names.readyMetrics}:accepted`, 40]]));
  await store.settle({
    remove: [{ queue: names.logs, records: records(5), counter: `${names.logs}:delivered` }],
  });
  await evict([names.logs, names.readyMetrics]);
  await evictions.check();
  const logs = await ledger(names.logs);
  expect(logs.dropped).toEqual({ evicted_by_redis: 25 });
  expect(logs.unknownLosses).toBe(1);
  expect((await ledger(names.rawMetrics)).unknownLosses).toBe(1);
  // Losses of queues that only Chouette writes are exact.
  expect(await ledger(names.readyMetrics)).toMatchObject({
    pending: 0,
    dropped: { evicted_by_redis: 40 },
    missing: 0,
    unknownLosses: 0,
  });
  // No further evictions, so no further losses.
  await evictions.check();
  expect((await ledger(names.logs)).dropped).toEqual({ evicted_by_redis: 25 });
});

it("knows of evictions while no agent ran, as a loss of unknown size", async () => {
  await new RedisEvictions(store, store, names).check();
  await store.append(names.logs, records(30));
  await evict([names.logs]);
  await new RedisEvictions(store, store, names).check();
  expect((await ledger(names.logs)).unknownLosses).toBe(1);
});

it("takes evictions before the first look for a loss of unknown size", async () => {
  await store.append(names.logs, records(30));
  await evict([names.logs]);
  await new RedisEvictions(store, store, names).check();
  expect((await ledger(names.logs)).unknownLosses).toBe(1);
  await new RedisEvictions(store, store, names).check();
  expect((await ledger(names.logs)).unknownLosses).toBe(1);
});

it("counts nothing under a policy that spares the queues", async () => {
  await broker.command("CONFIG", "SET", "maxmemory-policy", "volatile-lru");
  const evictions = new RedisEvictions(store, store, names);
  await store.append(names.logs, records(30));
  await evictions.check();
  const evicted = async () => Number((await store.serverInfo())?.evictedKeys);
  for (let n = 0; (await evicted()) === 0; n++)
    await broker.command("SET", `filler:${n}`, "y".repeat(200_000), "EX", "100");
  await evictions.check();
  expect(await store.counters()).toEqual(new Map());
});
