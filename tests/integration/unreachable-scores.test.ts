/** No record waits forever for a time that never comes, whatever its score, in every queue and engine. */
import { queueNames } from "@chouette-iot/queue";
import { beforeEach, describe, expect, it } from "vitest";
import { type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import { brokerPort, startAgentProcess } from "../support/agent-process.js";
import { lookInto } from "../support/broker-records.js";
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
  const broker = await lookInto(`redis://127.0.0.1:${port ?? (await brokerPort(agent))}`);
  cleanUps.push(() => broker.close());
  return { agent, broker };
}

describe.each(["redis", "embedded"])("a record with a score that no clock shows, on %s", (name) => {
  it("becomes a dead letter with its reason, or expires", { timeout: 90_000 }, async () => {
    const place = await BROKERS[name]?.();
    if (place === undefined) throw new Error(name);
    const { broker, agent } = await start(place);
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
    for (const [queue, value] of Object.entries(values))
      for (const score of SCORES) await broker.put(value, score, queue);
    await broker.drained([names.rawMetrics, names.readyMetrics, names.logs]);
    const reasonsOf = async (queue: string) =>
      (await broker.rejected()).filter((letter) => letter.queue === queue).map(({ reason }) => reason);
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
    const again = (await start(place)).broker;
    const ofFuture = ["ZRANGEBYSCORE", `${names.rejected}.keys`, `${now + 3600}`, "+inf"];
    await until(
      "dead letters of the future to expire",
      async () => `${await again.command(...ofFuture)}` === "",
      STARTED_MS,
    );
    expect(await again.size(names.rejected)).toBe(7 + 5 + 5);
  });
});
