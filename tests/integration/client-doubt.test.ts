/** Replies that are lost with their connection, while an agent removes the records as they arrive. */
import { ChouetteClient, type ChouetteClientOptions } from "chouette-iot-client";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { type Broker, lookInto } from "../support/broker-records.js";
import { type Consumer, startConsumer } from "../support/consumer.js";
import { type CuttingProxy, startCuttingProxy } from "../support/cutting-proxy.js";
import { newFolder } from "../support/folders.js";
import { startHoldingLink, TRANSACTION } from "../support/holding-link.js";
import { reservedPort } from "../support/ports.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";

let redis: RedisServer;
let broker: Broker;
let consumer: Consumer;

beforeEach(async () => {
  redis = await startRedis();
  broker = await lookInto(redis.url);
  consumer = await startConsumer(redis.url);
});
afterEach(async () => {
  await consumer.stop();
  await broker.close();
  await redis.stop();
});

async function takenOnce(calls: number): Promise<void> {
  await until(
    `${calls} records to be taken`,
    async () => (await consumer.different()) === calls && (await broker.size()) === 0,
  );
  expect(new Set((await consumer.taken()).values())).toEqual(new Set([1]));
}

test("a record whose answer was lost is counted once", async () => {
  const proxy: CuttingProxy = await startCuttingProxy(redis.port, () => Math.random() < 0.2);
  const client = new ChouetteClient({
    port: proxy.port,
    answerTimeoutMs: 60_000,
    bufferRecords: 1e7,
    bufferBytes: 1e9,
  });
  const answers = new Set<Promise<boolean>>();
  let calls = 0;
  await until(
    "ten connections to be cut",
    () => {
      for (let call = 0; call < 200; call++) answers.add(client.gauge("m", calls, { timestamp: calls++ }));
      return proxy.cuts() >= 10;
    },
    60_000,
  );
  proxy.calm();
  expect(await Promise.all(answers)).not.toContain(false);
  await takenOnce(calls);
  await client.close();
  await proxy.stop();
}, 120_000);

test("a batch that a hung server carries out late is counted once", async () => {
  const client = new ChouetteClient({ port: redis.port, answerTimeoutMs: 60_000 });
  expect(await client.count("m", 1, { timestamp: 0 })).toBe(true);
  redis.signal("SIGSTOP");
  const answers = new Set<Promise<boolean>>();
  for (let call = 1; call <= 5_000; call++) answers.add(client.count("m", 1, { timestamp: call }));
  // Long enough for the client to drop its connection and open another, which the server hasn't seen yet.
  await until("the client to have tried again", () => client.stats().disconnections > 0);
  redis.signal("SIGCONT");
  expect(await Promise.all(answers)).not.toContain(false);
  await takenOnce(5_001);
  await client.close();
});

/** A client whose second batch is still on its way to the server, though its connection has been cut. */
async function delayedBatch(options: ChouetteClientOptions, mayReconnect: boolean) {
  const link = await startHoldingLink(redis.port, TRANSACTION);
  onTestFinished(link.stop);
  const client = new ChouetteClient({ port: link.port, answerTimeoutMs: 60_000, ...options });
  expect(await client.count("m", 1, { timestamp: 0 })).toBe(true);
  const isHeld = link.holdNext("delayed", mayReconnect);
  const answer = client.count("delayed", 1, { timestamp: 1 });
  await isHeld;
  return { link, client, answer };
}

test("a batch that the network delivers after it was sent again is counted once", async () => {
  const { link, client, answer } = await delayedBatch({}, true);
  expect(await answer).toBe(true);
  await takenOnce(2);
  await link.release();
  await takenOnce(2);
  await client.close();
});

test("a batch in doubt that another process sends again is counted once, though the network delivers it after that", async () => {
  const folder = await newFolder();
  const spill = { folder: folder.path };
  const { link, client } = await delayedBatch({ spill }, false);
  await client.close({ timeoutMs: 1 });
  const next = new ChouetteClient({ port: redis.port, spill });
  expect(await next.flush({ timeoutMs: 20_000 })).toBe(true);
  expect(next.stats()).toMatchObject({ recovered: 1, spilled: 0 });
  await takenOnce(2);
  await link.release();
  await takenOnce(2);
  await next.close();
  await folder.remove();
});

test("a spilled record whose answer was lost is counted once", async () => {
  const folder = await newFolder();
  const port = await reservedPort();
  const options = { port, spill: { folder: folder.path }, bufferRecords: 500 };
  const client = new ChouetteClient(options);
  for (let call = 0; call < 20_000; call++) client.count("m", 1, { timestamp: call });
  await until("nearly all to be spilled", () => client.stats().spilled >= 19_000);
  let answered = 0;
  // By count, since in some runs everything is stored before the fifth cut.
  const proxy = await startCuttingProxy(redis.port, () => ++answered % 7 === 0, port);
  await until("five connections to be cut", () => proxy.cuts() >= 5);
  proxy.calm();
  expect(await client.flush({ timeoutMs: 30_000 })).toBe(true);
  expect(client.stats()).toMatchObject({ accepted: 20_000, stored: 20_000, spilled: 0, buffered: 0 });
  await takenOnce(20_000);
  await client.close();
  await proxy.stop();
  await folder.remove();
}, 60_000);
