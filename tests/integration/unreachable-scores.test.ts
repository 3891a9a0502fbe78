/** No record waits forever for a time that never comes, whatever its score, in every queue and engine. */
import { queueNames } from "@chouette-iot/queue";
import { createClient } from "@redis/client";
import { beforeEach, describe, expect, it } from "vitest";
import { type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import { brokerPort, startAgentProcess } from "../support/agent-process.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { newFolder } from "../support/folders.js";
import { startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";

const names = queueNames();
const SCORES = ["inf", "+inf", "-inf", "1e300", "-1e300", "1e17", "9999999999"] as const;
const STARTED_MS = 30_000;

const cleanUps = cleanUpsAfterEach();
let intake: Intake;
beforeEach(async () => {
  intake = await startIntake();
  cleanUps.push(() => intake.close());
});
type Broker = { readonly settings: Readonly<Record<string, string>>; readonly port?: number };

const BROKERS: Readonly<Record<string, () => Promise<Broker>>> = {
  redis: async () => {
    const redis = await startRedis();
    cleanUps.push(() => redis.stop());
    return { settings: { REDIS_URL: redis.url }, port: redis.port };
  },
  embedded: async () => {
    const folder = await newFolder();
    cleanUps.push(folder.remove);
    return { settings: { CHOUETTE_LISTEN: "127.0.0.1:0", CHOUETTE_DATA_DIR: folder.path } };
  },
};

async function start({ settings, port }: Broker) {
  const agent = await startAgentProcess({
    ...settings,
    API_KEY: "any",
    DATADOG_URL: `${intake.url}/api`,
    DATADOG_LOGS_URL: intake.url,
    AGGREGATE_INTERVAL: "1",
    AGGREGATE_GRACE: "0",
    RELEASE_INTERVAL: "1",
  });
  cleanUps.push(() => agent.end("SIGKILL"));
  const client = createClient({ RESP: 2, url: `redis://127.0.0.1:${port ?? (await brokerPort(agent))}` });
  client.on("error", () => {});
  await client.connect();
  cleanUps.push(async () => client.destroy());
  return { agent, client };
}

describe.each(["redis", "embedded"])("a record with a score that no clock shows, on %s", (name) => {
  it("becomes a dead letter with its reason, or expires", { timeout: 90_000 }, async () => {
    const broker = await BROKERS[name]?.();
    if (broker === undefined) throw new Error(name);
    const { client, agent } = await start(broker);
    const now = Math.floor(Date.now() / 1000);
    const values: Readonly<Record<string, string>> = {
      [names.rawMetrics]: `{"metric":"m","type":"count","value":1,"timestamp":${now},"tags":{}}`,
      [names.readyMetrics]: `{"metric":"m","type":"count","tags":[],"points":[[${now},1]],"interval":10}`,
      [names.logs]: '{"message":{"msg":"hello"},"service":"test"}',
      [names.rejected]: JSON.stringify({
        queue: "other",
        reason: "written by a client",
        at: now,
        value: "x",
      }),
    };
    const keys = (queue: string) => client.sendCommand<number>(["ZCARD", `${queue}.keys`]);
    for (const [queue, value] of Object.entries(values)) {
      for (const [index, score] of SCORES.entries()) {
        await client
          .multi()
          .addCommand(["ZADD", `${queue}.keys`, score, `${queue}-${index}`])
          .addCommand(["HSET", `${queue}.values`, `${queue}-${index}`, value])
          .exec();
      }
    }
    const letters = async () => {
      const ids = await client.sendCommand<string[]>(["ZRANGE", `${names.rejected}.keys`, "0", "-1"]);
      const texts = await client.sendCommand<string[]>(["HMGET", `${names.rejected}.values`, ...ids]);
      return texts.map((text) => JSON.parse(text) as { queue: string; reason: string });
    };
    await until("the queues to drain", async () => {
      const sizes = await Promise.all([names.rawMetrics, names.readyMetrics, names.logs].map(keys));
      return sizes.every((size) => size === 0);
    });
    const reasonsOf = async (queue: string) =>
      (await letters()).filter((letter) => letter.queue === queue).map(({ reason }) => reason);
    // Those of before the clock was set have a reason as well; of ready metrics and logs, they are too old.
    expect((await reasonsOf(names.rawMetrics)).sort()).toEqual([
      ...["stamped by a clock that was not set", "stamped by a clock that was not set"],
      ...Array.from({ length: 5 }, () => "stamped more than 600 s in the future"),
    ]);
    for (const queue of [names.readyMetrics, names.logs]) {
      const reasons = await reasonsOf(queue);
      expect(reasons, queue).toHaveLength(5);
      for (const reason of reasons)
        expect(reason).toMatch(/^stored with a time more than \d+ s in the future$/);
    }
    // The dead letters' own bounds are applied at the start, and each minute.
    expect(await agent.end()).toBe(0);
    const again = await start(broker);
    const left = async (score: string) =>
      again.client.sendCommand<string[]>(["ZRANGEBYSCORE", `${names.rejected}.keys`, score, "+inf"]);
    await until(
      "dead letters of the future to expire",
      async () => (await left(`${now + 3600}`)).length === 0,
      STARTED_MS,
    );
    const others = await again.client.sendCommand<string[]>(["ZRANGE", `${names.rejected}.keys`, "0", "-1"]);
    expect(others).toHaveLength(7 + 5 + 5);
  });
});
