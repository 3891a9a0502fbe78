/**
 * An agent with a heap of 256 MB and much larger queues survives, and every record is delivered or a dead letter: 500
 * logs of 1 MB, 1,500 ready metrics of 300 kB, 250 raw records of 2 MB that were stamped in 1970, and 200 connections
 * inside MULTI.
 *
 * It takes several minutes for each broker and about 3 GB of disk, and runs only with `SMALL_HEAP=1`.
 */
import { createServer, type ServerResponse } from "node:http";
import { promisify } from "node:util";
import { inflate } from "node:zlib";
import { MAX_VALUE_BYTES, queueNames, type Store } from "@chouette-iot/queue";
import { openEmbeddedStore } from "@chouette-iot/queue/embedded";
import { RedisStore } from "@chouette-iot/queue/redis";
import { beforeEach, expect, it } from "vitest";
import { type AgentSettings, brokerPort, startAgentProcess } from "../support/agent-process.js";
import { lookInto } from "../support/broker-records.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { newFolder } from "../support/folders.js";
import { listen } from "../support/listening.js";
import { connectRaw, type RawRedis, request } from "../support/raw-redis.js";
import { startRedis } from "../support/redis-server.js";
import type { Running } from "../support/running.js";
import { until } from "../support/until.js";

const IS_ASKED_FOR = process.env.SMALL_HEAP !== undefined;
const LOGS = 500;
const READY = 1_500;
const RAW = 250;
const HOLDERS = 200;
const HEAP_MB = 256;
const DEADLINE_MS = 1_200_000;

const { rawMetrics, readyMetrics, logs, rejected } = queueNames();
const inflated = promisify(inflate);

const cleanUps = cleanUpsAfterEach();
let intake: { readonly url: string; isDown: boolean; logs: number };

beforeEach(async () => {
  intake = await startIntake();
});
/** Accepts everything while it isn't down, and counts the logs. */
async function startIntake() {
  const counted = { isDown: true, logs: 0 };
  const take = async (path: string, body: Buffer, response: ServerResponse) => {
    if (counted.isDown) return response.writeHead(503).end();
    if (path === "/api/v2/logs") counted.logs += JSON.parse(`${await inflated(body)}`).length;
    return response.writeHead(202).end("{}");
  };
  const server = createServer(async (asked, response) => {
    const parts: Buffer[] = [];
    for await (const part of asked) parts.push(part);
    await take(asked.url ?? "", Buffer.concat(parts), response);
  });
  const { port, stop } = await listen(server);
  cleanUps.push(stop);
  return Object.assign(counted, { url: `http://127.0.0.1:${port}` });
}

async function startAgent(settings: AgentSettings): Promise<Running> {
  const agent = await startAgentProcess({
    API_KEY: "0123456789abcdef0123456789abcdef",
    DATADOG_URL: `${intake.url}/api`,
    DATADOG_LOGS_URL: intake.url,
    RELEASE_INTERVAL: "1",
    AGGREGATE_INTERVAL: "2",
    NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}`,
    ...settings,
  });
  cleanUps.push(() => agent.end("SIGKILL"));
  return agent;
}

/** Stores everything as clients do. */
async function fill(port: number): Promise<void> {
  const broker = await lookInto(`redis://127.0.0.1:${port}`);
  const put = (queue: string, score: number, record: object) =>
    broker.put(JSON.stringify(record), score, queue);
  const now = Math.floor(Date.now() / 1_000);
  const text = "x".repeat(1_000_000 - 200);
  for (let index = 0; index < LOGS; index++)
    await put(logs, now, { date: new Date().toISOString(), ddtags: [], message: { msg: text } });
  const tags = Array.from({ length: 1_500 }, (_, index) => `tag${index}:${"y".repeat(190)}`);
  // In both seconds of a window: those of its last one might be another agent's fragments.
  const at = (index: number) => now - (index % 2);
  for (let index = 0; index < READY; index++)
    await put(readyMetrics, at(index), {
      metric: `m${index}`,
      type: "gauge",
      tags,
      points: [[at(index), 1]],
    });
  const element = "z".repeat(2_000_000);
  expect(element.length).toBeLessThan(MAX_VALUE_BYTES);
  for (let index = 0; index < RAW; index++)
    await put(rawMetrics, 100, { metric: "m", type: "set", value: [element], timestamp: 100, tags: {} });
  await broker.close();
}

/** Connections that start a transaction of 4 MB and never finish it. */
async function holdMulti(port: number): Promise<readonly RawRedis[]> {
  const open =
    request("MULTI") +
    ["a", "b", "c", "d"]
      .map((id) => request("HSET", `${rawMetrics}.values`, id, "x".repeat(1_000_000)))
      .join("");
  const holders = await Promise.all(Array.from({ length: HOLDERS }, () => connectRaw(port)));
  for (const holder of holders) holder.send(open);
  cleanUps.push(() => holders.map(({ socket }) => socket.destroy()));
  return holders;
}

/** Resolves when nothing is pending any more. @param port of the broker to ask */
async function drained(port: number, agent: Running): Promise<void> {
  const broker = await lookInto(`redis://127.0.0.1:${port}`);
  cleanUps.push(() => broker.close());
  const ended = agent.ended.then((how) => {
    throw new Error(`the agent ended, ${how}:\n${agent.output().slice(-2_000)}`);
  });
  await Promise.race([broker.drained([rawMetrics, readyMetrics, logs], DEADLINE_MS), ended]);
}

async function checkSums(store: Store): Promise<void> {
  const counters = await store.counters();
  const count = (queue: string, fate: string) => counters.get(`${queue}:${fate}`) ?? 0;
  expect({
    logs: count(logs, "delivered") + count(logs, "rejected"),
    ready: count(readyMetrics, "delivered") + count(readyMetrics, "rejected"),
    raw: count(rawMetrics, "rejected"),
    dropped: [logs, readyMetrics, rawMetrics].map(
      (queue) => count(queue, "expired") + count(queue, "displaced"),
    ),
  }).toEqual({ logs: LOGS, ready: READY, raw: RAW, dropped: [0, 0, 0] });
  expect(intake.logs).toBe(count(logs, "delivered"));
  // Dead letters are bounded in bytes: evicted ones are counted.
  const fates = [...counters].filter(
    ([name]) => name.startsWith(`${rejected}:`) && !name.endsWith(":accepted"),
  );
  const left = fates.reduce((sum, [, number]) => sum + number, await store.size(rejected));
  expect(left).toBe(count(rejected, "accepted"));
}

it.runIf(IS_ASKED_FOR)(
  "goes on and loses nothing with the embedded broker",
  { timeout: 2 * DEADLINE_MS },
  async () => {
    const folder = await newFolder();
    cleanUps.push(folder.remove);
    const settings = {
      CHOUETTE_LISTEN: "127.0.0.1:0",
      CHOUETTE_DATA_DIR: folder.path,
      STORE_MAX_BYTES: `${3 * 1024 ** 3}`,
    };
    const first = await startAgent(settings);
    const port = await brokerPort(first);
    await holdMulti(port);
    await fill(port);
    expect(first.child.exitCode).toBe(null);
    // And again from a restart on, with all of it waiting.
    await first.end("SIGKILL");
    intake.isDown = false;
    const agent = await startAgent(settings);
    const portNow = await brokerPort(agent);
    await holdMulti(portNow);
    await drained(portNow, agent);
    expect(await agent.end()).toBe(0);
    const { store } = await openEmbeddedStore({ folder: folder.path });
    cleanUps.push(() => store.close());
    await checkSums(store);
  },
);

it.runIf(IS_ASKED_FOR)("goes on and loses nothing with Redis", { timeout: 2 * DEADLINE_MS }, async () => {
  const redis = await startRedis();
  cleanUps.push(() => redis.stop());
  await holdMulti(redis.port);
  await fill(redis.port);
  intake.isDown = false;
  const agent = await startAgent({ REDIS_URL: redis.url });
  await drained(redis.port, agent);
  expect(await agent.end()).toBe(0);
  const store = new RedisStore({ url: redis.url });
  cleanUps.push(() => store.close());
  await until("the connection", async () => (await store.size(logs)) === 0);
  await checkSums(store);
});
