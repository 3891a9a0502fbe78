/** One bad record costs one record: it stops neither aggregation nor delivery of the others. */
import { queueNames } from "@chouette-iot/queue";
import { beforeEach, describe, expect, it } from "vitest";
import { type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import { startAgentProcess } from "../support/agent-process.js";
import { lookInto } from "../support/broker-records.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { startRedis } from "../support/redis-server.js";

const { rawMetrics, readyMetrics, logs } = queueNames();
const cleanUps = cleanUpsAfterEach();
let intake: Intake;

beforeEach(async () => {
  intake = await startIntake();
  cleanUps.push(() => intake.close());
});

async function start() {
  const redis = await startRedis();
  const broker = await lookInto(redis.url);
  cleanUps.push(
    () => redis.stop(),
    () => broker.close(),
  );
  return { ...broker, url: redis.url };
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
    const { url, put, drained, rejected } = await start();
    for (const value of [...ODD_RAW, ...GOOD_RAW]) await put(value, at);
    for (const value of ODD_READY) await put(value, at, readyMetrics);
    await put(`{"metric":"ready","type":"gauge","tags":[],"points":[[${at},1]]}`, at, readyMetrics);
    for (const value of [...ODD_LOGS, ...GOOD_LOGS]) await put(value, at, logs);
    const settings = { REDIS_URL: url, RELEASE_INTERVAL: "1" };
    const datadog = { API_KEY: "any", DATADOG_URL: `${intake.url}/api`, DATADOG_LOGS_URL: intake.url };
    const agent = await startAgentProcess(output === "Datadog" ? { ...settings, ...datadog } : settings);
    cleanUps.push(() => agent.end());
    await drained([rawMetrics, readyMetrics, logs]);
    const letters = await rejected();
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
