/** End to end: real clients, a real Redis or the agent's own broker, the agent, an intake. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, it } from "vitest";
import { type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import { brokerPort, startAgentProcess } from "../support/agent-process.js";
import { type Broker, lookInto } from "../support/broker-records.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { newFolder } from "../support/folders.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { run } from "../support/running.js";
import { until } from "../support/until.js";
import { AGGREGATION_VECTORS, type AggregationVector, inOrder, isClose } from "../support/vectors.js";

const KEY = "0123456789abcdef0123456789abcdef";
const EXAMPLE = fileURLToPath(new URL("../fixtures/readme-example.mjs", import.meta.url));

const cleanUps = cleanUpsAfterEach();
let intake: Intake;

beforeEach(async () => {
  intake = await startIntake({ apiKey: KEY });
  cleanUps.push(() => intake.close());
});

/** Starts an agent with short intervals that sends to the intake. */
async function startAgent(settings: Readonly<Record<string, string>>) {
  const agent = await startAgentProcess({
    API_KEY: KEY,
    DATADOG_URL: `${intake.url}/api`,
    HOST: "device-1",
    AGGREGATE_INTERVAL: "1",
    AGGREGATE_GRACE: "0",
    RELEASE_INTERVAL: "2",
    ...settings,
  });
  cleanUps.push(() => agent.end());
  return agent;
}

async function startRedisWithQueue(): Promise<{ redis: RedisServer; queue: Broker }> {
  const redis = await startRedis();
  cleanUps.push(() => redis.stop());
  const queue = await lookInto(redis.url);
  cleanUps.push(() => queue.close());
  return { redis, queue };
}

describe("an application's metrics reach Datadog", () => {
  it.each(["v2", "v1"])("line by line as the original's example says, by series %s", async (version) => {
    const { redis } = await startRedisWithQueue();
    await startAgent({ REDIS_URL: redis.url, GLOBAL_TAGS: "zone:a", DATADOG_SERIES: version });
    const application = run(process.execPath, [EXAMPLE], { env: { REDIS_URL: redis.url } });
    expect(await application.ended).toBe(0);
    expect(application.output()).toBe("");
    await until(
      "all metrics to arrive",
      () => new Set(intake.points().map(({ metric }) => metric)).size === 10,
    );
    const points = intake.points().map(({ at, ...point }) => {
      expect(Number.isInteger(at)).toBe(true);
      return point;
    });
    const common = { host: "device-1", tags: ["zone:a"] };
    const gauge = { ...common, type: "gauge" };
    expect(inOrder(points)).toEqual(
      inOrder([
        {
          ...common,
          metric: "my.count.metric",
          type: "count",
          value: 1,
          interval: 1,
          tags: ["importance:high", "zone:a"],
        },
        { ...gauge, metric: "my.gauge.metric", value: 1 },
        { ...gauge, metric: "my.histogram.metric.max", value: 1.5 },
        { ...gauge, metric: "my.histogram.metric.median", value: 1.5 },
        { ...gauge, metric: "my.histogram.metric.avg", value: 1.5 },
        { ...gauge, metric: "my.histogram.metric.95percentile", value: 1.5 },
        { ...common, metric: "my.histogram.metric.count", type: "rate", value: 1, interval: 1 },
        { ...common, metric: "my.rate.metric", type: "rate", value: 1, interval: 1 },
        { ...common, metric: "my.set.metric.list", type: "count", value: 3, interval: 1 },
        { ...common, metric: "my.set.metric.set", type: "count", value: 2, interval: 1 },
      ]),
    );
  });

  it("from a Python program, through the agent's own broker", async () => {
    const folder = await newFolder();
    cleanUps.push(folder.remove);
    const agent = await startAgent({ CHOUETTE_LISTEN: "127.0.0.1:0", CHOUETTE_DATA_DIR: folder.path });
    const port = await brokerPort(agent);
    const script = `
import json, redis, time, uuid
client = redis.Redis(port=${port})
for value in (1, 2, 3):
    record = {"metric": "python.count", "type": "count", "value": value, "timestamp": time.time(), "tags": {"a": "b"}}
    key = str(uuid.uuid4())
    pipeline = client.pipeline()
    pipeline.zadd("chouette:metrics:raw.keys", {key: record["timestamp"]})
    pipeline.hset("chouette:metrics:raw.values", key, json.dumps(record))
    pipeline.execute()
`;
    const python = spawnSync("/usr/bin/python3", ["-c", script], { encoding: "utf8" });
    expect(python.stderr).toBe("");
    await until("the sum to arrive", () => intake.points().reduce((sum, { value }) => sum + value, 0) === 6);
    expect(intake.points()[0]).toMatchObject({ metric: "python.count", type: "count", tags: ["a:b"] });
  });
});

describe("the agent", () => {
  const groups = groupBy(AGGREGATION_VECTORS, settingsOf);

  it.each([...groups])("aggregates as the original does: %s", async (settings, vectors) => {
    const { redis, queue } = await startRedisWithQueue();
    for (const { raw } of vectors) {
      for (const record of raw) await queue.put(JSON.stringify(record), record.timestamp);
    }
    await startAgent({
      ...JSON.parse(settings),
      REDIS_URL: redis.url,
      AGGREGATE_INTERVAL: "10",
      RELEASE_INTERVAL: "1",
      METRIC_TTL: `${5 * 365 * 86_400}`,
    });
    await queue.drained();
    const arrived = intake.points();
    for (const { window_start, wrapped } of vectors) {
      const actual = inOrder(arrived.filter(({ at }) => at === window_start));
      const expected = inOrder(wrapped);
      expect(actual.map(({ metric, type, tags, interval }) => ({ metric, type, tags, interval }))).toEqual(
        expected.map(({ metric, type, tags, interval }) => ({ metric, type, tags, interval })),
      );
      for (const [index, { value }] of actual.entries()) {
        expect(value).toSatisfy((found: number) =>
          isClose(found, expected[index]?.points[0]?.[1] ?? Number.NaN),
        );
      }
    }
    expect(arrived).toHaveLength(vectors.reduce((sum, { wrapped }) => sum + wrapped.length, 0));
  });

  it("lets every good record through and sets each bad one aside with its reason", async () => {
    const { redis, queue } = await startRedisWithQueue();
    const now = Math.floor(Date.now() / 1000) - 60;
    const good = { metric: "good", type: "count", value: 1, timestamp: now, tags: {} };
    for (let n = 0; n < 10; n++) await queue.put(JSON.stringify(good), now);
    const bad: readonly (readonly [value: string, reason: string])[] = [
      ['{"metric": "cut off', "not JSON"],
      [`{"metric":"m","type":"gauge","value":NaN,"timestamp":${now},"tags":{}}`, "NaN"],
      [JSON.stringify({ ...good, metric: undefined }), "metric should be a name, but is missing"],
      [JSON.stringify({ ...good, type: undefined }), "but is missing"],
      [JSON.stringify({ ...good, value: undefined }), "value should be a number, but is missing"],
      [
        JSON.stringify({ ...good, timestamp: undefined }),
        "timestamp should be seconds since 1970, but is missing",
      ],
      [JSON.stringify({ ...good, value: null }), "value should be a number, but is null"],
      [
        JSON.stringify({ ...good, tags: ["a:b"] }),
        "tags should be an object of name: value, but is an array",
      ],
    ];
    for (const [value] of bad) await queue.put(value, now);
    await queue.command("ZADD", "chouette:metrics:raw.keys", `${now}`, "an-id-alone");
    await queue.command("HSET", "chouette:metrics:raw.values", "another", "a value alone");
    await startAgent({ REDIS_URL: redis.url });
    await queue.drained();
    await until(
      "all bad records to be set aside",
      async () => (await queue.rejected()).length === bad.length + 2,
    );
    const reasons = new Map((await queue.rejected()).map(({ value, reason }) => [value, reason]));
    for (const [value, reason] of bad) expect(reasons.get(value)).toContain(reason);
    expect(reasons.get(null)).toBe("an id without a value");
    expect(reasons.get("a value alone")).toBe("a value whose id has no time");
    expect(intake.points().map(({ metric, value }) => [metric, value])).toEqual([["good", 10]]);
  });
});

function settingsOf(vector: AggregationVector): string {
  return JSON.stringify({
    METRICS_WRAPPER: vector.wrapper,
    HISTOGRAM_AGGREGATES: JSON.stringify(vector.histogram_aggregates),
    HISTOGRAM_PERCENTILES: JSON.stringify(vector.histogram_percentiles),
  });
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
