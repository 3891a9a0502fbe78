/** The swap that docs/MIGRATION.md describes: this agent takes over a live Redis from the Python one. */
import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import type { Status } from "../../packages/agent/src/status/status.js";
import { runChouette, startAgentProcess, statusPort } from "../support/agent-process.js";
import { type Broker, lookInto } from "../support/broker-records.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { run } from "../support/running.js";
import { until } from "../support/until.js";
import { AGGREGATION_VECTORS, inOrder } from "../support/vectors.js";

const KEY = "0123456789abcdef0123456789abcdef";
/** The records of the original client. */
const CLIENT_RECORDS: readonly {
  readonly queue?: string;
  readonly stored?: readonly { readonly score: number; readonly json: string }[];
}[] = JSON.parse(readFileSync(new URL("../fixtures/client_records.json", import.meta.url), "utf8"));

const cleanUps = cleanUpsAfterEach();
let intake: Intake;
let redis: RedisServer;
let broker: Broker;

beforeEach(async () => {
  intake = await startIntake({ apiKey: KEY });
  redis = await startRedis(["--appendonly", "yes", "--appendfsync", "always"]);
  broker = await lookInto(redis.url);
  cleanUps.push(
    () => intake.close(),
    () => redis.stop(),
    () => broker.close(),
  );
});
let stored = 0;
/** Stores a record like the Python client and agent. */
async function store(queue: string, score: number, json: string): Promise<void> {
  await broker.put(json, score, queue, `of-python-${++stored}`);
}

/** The settings of the Python agent's own deployment, in its own forms. */
function pythonSettings(): Readonly<Record<string, string>> {
  return {
    REDIS_HOST: "127.0.0.1",
    REDIS_PORT: `${redis.port}`,
    API_KEY: KEY,
    DATADOG_URL: `${intake.url}/api`,
    GLOBAL_TAGS: '["environment:test"]',
    AGGREGATE_INTERVAL: "1",
    AGGREGATE_GRACE: "0",
    RELEASE_INTERVAL: "1",
    METRIC_TTL: `${5 * 365 * 86_400}`,
    METRICS_WRAPPER: "datadog",
    LOG_LEVEL: "INFO",
    SEND_SELF_METRICS: "False",
  };
}

/** A Python program that keeps counting like the original client, and prints how often when it ends. */
const PROGRAM = `
import json, redis, signal, sys, time, uuid
client, counted, going = redis.Redis(port=int(sys.argv[1])), 0, [True]
signal.signal(signal.SIGTERM, lambda *_: going.clear())
print("counting", flush=True)
while going:
    record = {"metric": "live.count", "type": "count", "value": 1, "timestamp": time.time(), "tags": {"a": "b"}}
    key = str(uuid.uuid4())
    pipeline = client.pipeline()
    pipeline.zadd("chouette:metrics:raw.keys", {key: record["timestamp"]})
    pipeline.hset("chouette:metrics:raw.values", key, json.dumps(record))
    pipeline.execute()
    counted += 1
    time.sleep(0.002)
print("counted", counted, flush=True)
`;

const isEmpty = async () =>
  (await broker.size()) === 0 && (await broker.size("chouette:metrics:wrapped")) === 0;

describe("the swap of the agents on a live Redis", () => {
  it("sends what the Python agent left in the ready queue, as it was", async () => {
    const [vector] = AGGREGATION_VECTORS;
    if (vector === undefined) throw new Error("no vectors");
    for (const metric of vector.wrapped)
      await store("chouette:metrics:wrapped", vector.window_start, JSON.stringify(metric));
    const agent = await startAgentProcess(pythonSettings());
    cleanUps.push(() => agent.end());
    await until("all to be sent", isEmpty);
    const arrived = inOrder(intake.points()).map(({ metric, type, value, at, tags }) => ({
      metric,
      type,
      value,
      at,
      tags,
    }));
    expect(arrived).toEqual(
      inOrder(vector.wrapped).map(({ metric, type, points: [point], tags }) => ({
        metric,
        type,
        value: point?.[1],
        // The Python agent writes fractions of a second, which series v2 has no place for.
        at: Math.floor(point?.[0] ?? 0),
        tags: [...tags, "environment:test"].sort(),
      })),
    );
  });

  it("takes every record that the Python client stores, or sets it aside with its reason", async () => {
    const raw = CLIENT_RECORDS.filter(({ queue }) => queue === "chouette:metrics:raw");
    const records = raw.flatMap((entry) => entry.stored ?? []);
    expect(records.length).toBeGreaterThan(5);
    for (const { score, json } of records) await store("chouette:metrics:raw", score, json);
    const agent = await startAgentProcess({ ...pythonSettings(), CHOUETTE_HTTP: "127.0.0.1:0" });
    cleanUps.push(() => agent.end());
    await until("all to be taken", isEmpty);
    const told = runChouette(["status", "--json"], { CHOUETTE_HTTP: `${await statusPort(agent)}` });
    await told.ended;
    const status: Status = JSON.parse(told.output());
    const ledger = status.queues?.find(({ name }) => name === "chouette:metrics:raw")?.ledger;
    const rejected = await broker.size("chouette:rejected");
    expect(ledger).toEqual({
      accepted: records.length,
      done: { aggregated: records.length - rejected },
      pending: 0,
      dropped: rejected === 0 ? {} : { rejected },
      missing: 0,
      unknownLosses: 0,
    });
  });

  it("loses no count of a program that goes on through it, even where the agent is killed on the way", async () => {
    const program = run("/usr/bin/python3", ["-c", PROGRAM, `${redis.port}`]);
    cleanUps.push(() => program.end("SIGKILL"));
    await program.wrote("counting");
    await until("records to be pending", async () => (await broker.size()) > 100);
    const first = await startAgentProcess(pythonSettings());
    await until("the first of them to arrive", () => intake.points().length > 0);
    await first.end("SIGKILL");
    const second = await startAgentProcess(pythonSettings());
    cleanUps.push(() => second.end());
    await program.end();
    const [, counted] = /counted (\d+)/.exec(program.output()) ?? [];
    await until("all to be sent", isEmpty);
    const sum = intake.points().reduce((all, { value }) => all + value, 0);
    expect(sum).toBe(Number(counted));
  });
});
