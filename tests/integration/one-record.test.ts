/** One bad record costs one record: it stops neither aggregation nor delivery of the others. */
import { createClient } from "@redis/client";
import { beforeEach, describe, expect, it } from "vitest";
import { type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import { startAgentProcess } from "../support/agent-process.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";

const QUEUES = {
  raw: "chouette:metrics:raw",
  ready: "chouette:metrics:wrapped",
  logs: "chouette:logs:wrapped",
};

const cleanUps = cleanUpsAfterEach();
let intake: Intake;

beforeEach(async () => {
  intake = await startIntake();
  cleanUps.push(() => intake.close());
});

async function start() {
  const redis = await startRedis();
  cleanUps.push(() => redis.stop());
  const client = createClient({ RESP: 2, url: redis.url });
  client.on("error", () => {});
  await client.connect();
  cleanUps.push(() => client.close());
  let ids = 0;
  return {
    url: redis.url,
    put: async (queue: keyof typeof QUEUES, value: string, at: number) => {
      const id = `id-${++ids}`;
      await client.sendCommand(["ZADD", `${QUEUES[queue]}.keys`, `${at}`, id]);
      await client.sendCommand(["HSET", `${QUEUES[queue]}.values`, id, value]);
    },
    pending: async () => {
      const keys = Object.values(QUEUES).map((queue) => `${queue}.keys`);
      const sizes = await Promise.all(keys.map((key) => client.sendCommand<number>(["ZCARD", key])));
      return sizes.reduce((sum, size) => sum + size, 0);
    },
    deadLetters: async () => {
      const values = await client.sendCommand<string[]>(["HVALS", "chouette:rejected.values"]);
      return values.map((value): { reason: string; queue: string; value: string } => JSON.parse(value));
    },
  };
}

/** A window that is closed. */
const at = Math.floor(Date.now() / 10_000) * 10 - 60;
const deep = "[".repeat(5_000) + "]".repeat(5_000);
const ODD_RAW = [
  `{"metric":"m","type":"count","value":1,"timestamp":${at},"tags":{"a":${deep}}}`,
  `{"metric":"m","type":"set","value":["a",${deep}],"timestamp":${at},"tags":{}}`,
  `{"metric":"m","type":"count","value":1,"timestamp":${at},"tags":{},"more":${deep}}`,
  `{"metric":"m","type":"count","value":1e400,"timestamp":${at},"tags":{}}`,
  `{"metric":"42","type":"count","value":1,"timestamp":${at},"tags":{}}`,
];
const ODD_READY = [
  `{"metric":"m","type":"count","tags":[],"points":[[${at},1]],"interval":1e400}`,
  `{"metric":"m","type":"gauge","tags":[],"points":[[1e300,1]]}`,
  `{"metric":"m","type":"gauge","tags":[],"points":[[${at},1]],"more":${deep}}`,
];
const ODD_LOGS = [
  `{"message":"hi","ddtags":[${deep}]}`,
  `{"message":{"msg":${deep}}}`,
  `{"message":"hi","date":${deep}}`,
];
/** Odd, and logs all the same. */
const GOOD_LOGS = [
  '{"message":{"msg":"text in its fields"},"date":{"toString":1},"level":{"valueOf":2},"service":{"toString":[]}}',
  '{"message":{"msg":"prototype"},"__proto__":{"date":5},"constructor":1,"toJSON":"no function"}',
  '{"message":{"msg":"NaN of Python"},"ratio":NaN}',
];
const GOOD_RAW = [
  `{"metric":"good","type":"count","value":1,"timestamp":${at},"tags":{}}`,
  `{"metric":"good","type":"count","value":true,"timestamp":"${at}.5","tags":[]}`,
];

describe("what one record holds costs that record alone", () => {
  it.each(["Datadog", "stdout"])("at %s", async (output) => {
    const { url, put, pending, deadLetters } = await start();
    for (const value of [...ODD_RAW, ...GOOD_RAW]) await put("raw", value, at);
    for (const value of ODD_READY) await put("ready", value, at);
    await put("ready", `{"metric":"ready","type":"gauge","tags":[],"points":[[${at},1]]}`, at);
    for (const value of [...ODD_LOGS, ...GOOD_LOGS]) await put("logs", value, at);
    const settings = { REDIS_URL: url, RELEASE_INTERVAL: "1" };
    const datadog = { API_KEY: "any", DATADOG_URL: `${intake.url}/api`, DATADOG_LOGS_URL: intake.url };
    const agent = await startAgentProcess(output === "Datadog" ? { ...settings, ...datadog } : settings);
    cleanUps.push(() => agent.end());
    await until("all queues to be empty", async () => (await pending()) === 0);
    const letters = await deadLetters();
    expect(letters.map(({ value }) => value).sort()).toEqual([...ODD_RAW, ...ODD_READY, ...ODD_LOGS].sort());
    for (const { reason } of letters) expect(reason).not.toBe("");
    if (output === "Datadog") {
      expect(
        intake
          .points()
          .map(({ metric, value }) => [metric, value])
          .sort(),
      ).toEqual([
        ["good", 2],
        ["ready", 1],
      ]);
      expect(intake.logs()).toHaveLength(GOOD_LOGS.length);
    } else
      for (const text of ["text in its fields", "prototype", "NaN of Python"])
        expect(agent.output().split(text)).toHaveLength(2);
  });
});
