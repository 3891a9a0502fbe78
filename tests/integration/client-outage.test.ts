/** The broker is killed and restarted repeatedly under load, while an agent removes the records. */
import { setTimeout as sleep } from "node:timers/promises";
import { ChouetteClient, type ClientStats } from "chouette-iot-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Consumer, startConsumer } from "../support/consumer.js";
import { newFolder } from "../support/folders.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";

const RESTARTS = 10;
let redis: RedisServer;
let consumer: Consumer;

beforeEach(async () => {
  // Acknowledged records must survive the kill: this tests the client, not the server's durability.
  redis = await startRedis(["--appendonly", "yes", "--appendfsync", "always"]);
  consumer = await startConsumer(redis.url);
});
afterEach(async () => {
  await consumer.stop();
  await redis.stop();
});

function sumOf(stats: ClientStats): number {
  const dropped = Object.values(stats.dropped).reduce((sum, count) => sum + count, 0);
  return stats.aggregated + stats.stored + stats.buffered + stats.spilled + dropped;
}

/** 5,000 calls a second, each with a time and so a record of its own, until `during` is over. */
async function underLoad(client: ChouetteClient, during: () => Promise<void>): Promise<number> {
  let calls = 0;
  const timer = setInterval(() => {
    for (let call = 0; call < 50; call++) client.count("m", 1, { timestamp: calls++ });
  }, 10);
  await during();
  clearInterval(timer);
  return calls;
}

async function killAndRestart(downMs: number): Promise<void> {
  for (let restart = 0; restart < RESTARTS; restart++) {
    const before = await until("a record to be taken", async () => (await consumer.different()) || undefined);
    await redis.kill();
    await sleep(downMs);
    await redis.restart();
    await until("records to be taken again", async () => (await consumer.different()) > before);
  }
}

test("with a spill, a broker killed ten times costs no record and doubles none", async () => {
  const folder = await newFolder();
  // So little memory that most records of an outage go through the spill.
  const client = new ChouetteClient({ url: redis.url, bufferRecords: 1_500, spill: { folder: folder.path } });
  let spilled = 0;
  const calls = await underLoad(client, async () => {
    const watch = setInterval(() => {
      spilled = Math.max(spilled, client.stats().spilled);
    }, 5);
    await killAndRestart(400);
    clearInterval(watch);
  });
  expect(await client.flush({ timeoutMs: 20_000 })).toBe(true);
  const stats = client.stats();
  expect(spilled).toBeGreaterThan(0);
  expect(stats).toMatchObject({ accepted: calls, stored: calls, buffered: 0, spilled: 0, recovered: 0 });
  await until("all records to be taken", async () => (await consumer.different()) === calls);
  expect(new Set((await consumer.taken()).values())).toEqual(new Set([1]));
  await client.close();
  await folder.remove();
}, 120_000);

test("without a spill, what a broker killed ten times costs is counted", async () => {
  const client = new ChouetteClient({ url: redis.url, bufferRecords: 1_500 });
  let told = 0;
  client.on("drop", (_reason, records) => {
    told += records;
  });
  const calls = await underLoad(client, () => killAndRestart(400));
  expect(await client.flush({ timeoutMs: 20_000 })).toBe(true);
  const stats = client.stats();
  expect(stats.accepted).toBe(calls);
  expect(stats.dropped.buffer_full).toBeGreaterThan(0);
  expect(stats.stored + stats.dropped.buffer_full).toBe(calls);
  expect(told).toBe(stats.dropped.buffer_full);
  expect(sumOf(stats)).toBe(calls);
  await until("all stored records to be taken", async () => (await consumer.different()) === stats.stored);
  expect(new Set((await consumer.taken()).values())).toEqual(new Set([1]));
  await client.close();
}, 120_000);
