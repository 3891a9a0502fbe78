/** Logs from end to end: stored as the original client does, delivered by a real agent to Datadog's log endpoint. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import { brokerPort, startAgentProcess } from "../support/agent-process.js";
import { lookInto } from "../support/broker-records.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { newFolder } from "../support/folders.js";
import { startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";

const KEY = "0123456789abcdef0123456789abcdef";
const QUEUE = "chouette:logs:wrapped";

const cleanUps = cleanUpsAfterEach();
let intake: Intake;

beforeEach(async () => {
  intake = await startIntake({ apiKey: KEY });
  cleanUps.push(() => intake.close());
});

async function startAgent(settings: Readonly<Record<string, string>>) {
  const agent = await startAgentProcess({
    API_KEY: KEY,
    DATADOG_URL: `${intake.url}/api`,
    DATADOG_LOGS_URL: intake.url,
    HOST: "device-1",
    GLOBAL_TAGS: "zone:a",
    RELEASE_INTERVAL: "1",
    ...settings,
  });
  cleanUps.push(() => agent.end());
  return agent;
}

/** A real Redis, and a way to store logs in it as clients do. */
async function startRedisWithLogs() {
  const redis = await startRedis();
  const broker = await lookInto(redis.url);
  cleanUps.push(
    () => redis.stop(),
    () => broker.close(),
  );
  return {
    ...broker,
    url: redis.url,
    put: (value: string, at?: number) => broker.put(value, at, QUEUE),
    note: (key: string, text: string) => broker.command("HSET", "chouette:notes", key, text),
    waiting: () => broker.size(QUEUE),
    counter: (name: string) => broker.command("HGET", "chouette:counters", `${QUEUE}:${name}`),
  };
}

function log(fields: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    date: new Date().toISOString(),
    ddsource: "app",
    service: "app",
    ddtags: [],
    level: "INFO",
    message: { msg: "hello" },
    ...fields,
  });
}

const sent = () => intake.logs().map(({ fields }) => fields);

describe("a program's logs reach Datadog", () => {
  it("field by field as the original client stores them, with host and all tags", async () => {
    const redis = await startRedisWithLogs();
    const vectors = JSON.parse(
      readFileSync(new URL("../fixtures/client_records.json", import.meta.url), "utf8"),
    ) as readonly { readonly log?: string; readonly stored: readonly { readonly json: string }[] }[];
    const stored = vectors.filter((vector) => vector.log !== undefined).flatMap((vector) => vector.stored);
    expect(stored.length).toBeGreaterThan(3);
    for (const { json } of stored) await redis.put(json);
    await startAgent({ REDIS_URL: redis.url });
    await until("all logs to arrive", () => intake.logs().length === stored.length);
    const expected = stored.map(({ json }) => {
      const { ddtags, ...fields } = JSON.parse(json);
      return { ...fields, host: "device-1", ddtags: [...ddtags, "zone:a"].join(",") };
    });
    expect(sent()).toEqual(expected);
    await until("the queue to be settled", async () => (await redis.waiting()) === 0);
    expect(await redis.counter("delivered")).toBe(`${stored.length}`);
  });

  it("from a Python program, through the agent's own broker", async () => {
    const folder = await newFolder();
    cleanUps.push(folder.remove);
    const agent = await startAgent({ CHOUETTE_LISTEN: "127.0.0.1:0", CHOUETTE_DATA_DIR: folder.path });
    const port = await brokerPort(agent);
    const script = `
import json, redis, time, uuid
key = str(uuid.uuid4())
record = {"date": "2026-11-22T14:09:57+00:00", "ddsource": "py", "service": "py", "ddtags": ["a:b"], "level": "INFO", "message": {"msg": "gr\\u00fc\\u00dfe"}}
pipeline = redis.Redis(port=${port}).pipeline()
pipeline.zadd("${QUEUE}.keys", {key: time.time()})
pipeline.hset("${QUEUE}.values", key, json.dumps(record))
pipeline.execute()
`;
    expect(spawnSync("/usr/bin/python3", ["-c", script], { encoding: "utf8" }).stderr).toBe("");
    await until("the log to arrive", () => intake.logs().length === 1);
    expect(sent()[0]).toMatchObject({ ddtags: "a:b,zone:a", message: { msg: "grüße" }, host: "device-1" });
  });
});

describe("a queue of logs that holds anything", () => {
  it("lets every log through that is one, and sets each other aside with its reason", async () => {
    const redis = await startRedisWithLogs();
    const good = [
      { ddtags: "a:b, c" },
      { ddtags: undefined },
      { ddtags: null },
      { ddtags: ["a:b", 5, null] },
      { message: "a text" },
      { level: undefined, date: undefined },
    ];
    for (const fields of good) await redis.put(log(fields));
    const bad: readonly (readonly [value: string, reason: string])[] = [
      ["{", "not JSON"],
      ["[]", "the record should be a JSON object, but is an array"],
      [log({ message: undefined }), "message should be a string or an object, but is missing"],
      [log({ ddtags: { a: "b" } }), 'ddtags should be a list of "name:value", but is an object'],
      [
        `{"message":{"msg":"deep"},"deep":${"[".repeat(50_000)}${"]".repeat(50_000)}}`,
        "nested more than 100 levels deep",
      ],
    ];
    for (const [value] of bad) await redis.put(value);
    await startAgent({ REDIS_URL: redis.url });
    await until("the queue to be empty", async () => (await redis.waiting()) === 0);
    expect(sent().map(({ ddtags }) => ddtags)).toEqual([
      "a:b,c,zone:a",
      "zone:a",
      "zone:a",
      "a:b,5,null,zone:a",
      "zone:a",
      "zone:a",
    ]);
    const rejected = new Map((await redis.rejected()).map(({ value, reason }) => [value, reason]));
    expect(rejected.size).toBe(bad.length);
    for (const [value, reason] of bad) expect(rejected.get(value)).toContain(reason);
  });

  it("keeps to the limits of a request by number and by bytes, and cuts a log that is over its own", async () => {
    const redis = await startRedisWithLogs();
    for (let index = 0; index < 30; index++) {
      await redis.put(log({ index, message: { msg: "x".repeat(400_000) } }));
    }
    await redis.put(log({ index: 30, message: { msg: "ü".repeat(800_000) } }));
    for (let index = 31; index < 1_200; index++) await redis.put(log({ index }));
    await startAgent({ REDIS_URL: redis.url, LOGS_BULK_SIZE: "1000" });
    await until("all logs to arrive", () => intake.logs().length === 1_200);
    const counts = intake.counts();
    expect(Object.keys(counts.requests["/api/v2/logs"] ?? {})).toEqual(["202"]);
    expect(counts.logs.tooLong).toBe(0);
    const cut = sent().find(({ index }) => index === 30);
    expect(cut?.ddtags).toBe("zone:a,cut:true");
    expect((cut?.message as { msg: string }).msg).toMatch(/^ü+… \(cut\)$/);
  });

  it("expires what is over LOG_TTL, and counts it", async () => {
    const redis = await startRedisWithLogs();
    const now = Date.now() / 1000;
    await redis.put(log({ index: 0 }), now - 64_900);
    await redis.put(log({ index: 1 }), now - 64_000);
    await startAgent({ REDIS_URL: redis.url });
    await until("the queue to be empty", async () => (await redis.waiting()) === 0);
    expect(sent().map(({ index }) => index)).toEqual([1]);
    expect(await redis.counter("expired")).toBe("1");
  });
});

describe("a day's byte budget", () => {
  it("holds lesser logs back once it runs short, then all logs, and loses none of them", async () => {
    const redis = await startRedisWithLogs();
    // An earlier run used 75 % of it. Tomorrow's, too, for a test at midnight.
    for (const day of [Date.now(), Date.now() + 86_400_000]) {
      await redis.note(`chouette:sent:${new Date(day).toISOString().slice(0, 10)}`, "75");
    }
    for (const level of ["DEBUG", "INFO", "ERROR", "INFO", "WARNING"]) await redis.put(log({ level }));
    await startAgent({ REDIS_URL: redis.url, DAILY_BYTE_BUDGET: "100", LOGS_BULK_SIZE: "1" });
    await until("the error to arrive", () => intake.logs().length > 0);
    // With it, 80 % are used.
    const { requests } = intake.counts();
    const seen = requests["/api/v2/logs"];
    await redis.put(log({ level: "ERROR" }));
    await redis.put(log({ level: "INFO" }), Date.now() / 1000 - 70_000);
    await until("another round", async () => (await redis.counter("expired")) === "1");
    expect(sent().map(({ level }) => level)).toEqual(["ERROR"]);
    expect(intake.counts().requests["/api/v2/logs"]).toEqual(seen);
    expect(await redis.waiting()).toBe(5);
  });
});
