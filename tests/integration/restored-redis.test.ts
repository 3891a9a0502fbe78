/** A Redis that comes back with older data while the agent runs, as after a power cut without an append-only file. */
import { type NewRecord, queueNames } from "@chouette-iot/queue";
import { RedisStore } from "@chouette-iot/queue/redis";
import { beforeEach, expect, it } from "vitest";
import { type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import { startAgentProcess } from "../support/agent-process.js";
import { lookInto } from "../support/broker-records.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";

const queues = queueNames();
let intake: Intake;
let redis: RedisServer;
let store: RedisStore;
const cleanUps = cleanUpsAfterEach();

beforeEach(async () => {
  intake = await startIntake();
  redis = await startRedis();
  store = new RedisStore({ url: redis.url });
  cleanUps.push(
    () => intake.close(),
    () => redis.stop(),
    () => store.close(),
  );
});
const isConnected = async () => (await store.size(queues.rawMetrics)) >= 0;
/** The values that Datadog would keep, by second. */
const kept = () => new Map(intake.points().map(({ at, value }) => [at, value]));
/** Accepted bodies of metrics. */
const requests = () => intake.counts().requests["/api/v2/series"]?.[202] ?? 0;

it("has every count once: what is aggregated again goes to the same seconds", {
  timeout: 60_000,
}, async () => {
  await until("the connection", isConnected);
  const agent = await startAgentProcess({
    API_KEY: "any",
    DATADOG_URL: `${intake.url}/api`,
    REDIS_URL: redis.url,
    RELEASE_INTERVAL: "1",
    AGGREGATE_INTERVAL: "10",
  });
  cleanUps.push(() => agent.end("SIGKILL"));
  const window = Math.floor(Date.now() / 10_000) * 10 - 60;
  const count = (id: string): NewRecord => ({
    id,
    score: window + 1,
    value: JSON.stringify({ metric: "m", type: "count", value: 1, timestamp: window + 1, tags: {} }),
  });
  await store.append(queues.rawMetrics, ["a", "b", "c"].map(count));
  const broker = await lookInto(redis.url);
  cleanUps.push(broker.close);
  await broker.command("SAVE");
  const hasArrived = () => kept().size > 0;
  await until("the counts to arrive", hasArrived);
  await until("them to be settled", async () => (await store.size(queues.readyMetrics)) === 0);
  const before = requests();
  await redis.kill();
  await redis.restart();
  await until("the same counts to arrive again", () => requests() > before);
  await until("nothing to be left", async () => {
    const sizes = await Promise.all(
      [queues.rawMetrics, queues.readyMetrics].map((queue) => store.size(queue)),
    );
    return sizes.every((size) => size === 0);
  });
  expect(kept()).toEqual(new Map([[window, 3]]));
});
