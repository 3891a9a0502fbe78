/**
 * Hours without a link, on a fast clock: fresh data is sent first, then everything that isn't too old, in little
 * memory.
 */
import { queueNames } from "@chouette-iot/queue";
import { openEmbeddedStore } from "@chouette-iot/queue/embedded";
import { RedisStore } from "@chouette-iot/queue/redis";
import { encodeRawMetric, milliseconds, type RawMetric, seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { type AnsweredRequest, startIntake } from "../../packages/agent/src/intake/intake.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { newFolder } from "../support/folders.js";
import { startHttpsFront } from "../support/https-front.js";
import { reservedPort } from "../support/ports.js";
import { startRedis } from "../support/redis-server.js";
import { startSteppedAgent } from "../support/stepped-agent.js";

const MINUTE = 60;
const HOUR = 3_600;
const WINDOW = 10;
/** Ready metrics a minute: 6 windows of 24 counts, 20 gauges, and 8 histograms with 5 each. */
const COUNTS = 24;
const GAUGES = 20;
const HISTOGRAMS = 8;
const POINTS_A_WINDOW = COUNTS + GAUGES + 5 * HISTOGRAMS;
const BEFORE = 5 * MINUTE;
const MAX_MEMORY = 150 * 1024 * 1024;

const queues = queueNames();
const cleanUps = cleanUpsAfterEach();
/** The applications' records of a window. */
function recordsOf(start: number): readonly RawMetric[] {
  const record = (type: "count" | "gauge" | "histogram", context: number, value: number, at: number) => ({
    ...{
      metric: `outage.${type}`,
      type,
      value,
      timestamp: seconds(start + at),
      tags: { context: `c${context}` },
    },
  });
  const each = <T>(count: number, make: (context: number) => readonly T[]) =>
    Array.from({ length: count }, (_, context) => make(context)).flat();
  return [
    ...each(COUNTS, (context) => [record("count", context, context + 1, 1), record("count", context, 1, 6)]),
    ...each(GAUGES, (context) => [record("gauge", context, context / 4, 3)]),
    ...each(HISTOGRAMS, (context) => [1, 4, 8].map((at) => record("histogram", context, at, at))),
  ];
}

/** All of the applications' records of a minute, in one step. */
async function recordMinute(store: RedisStore, start: number): Promise<void> {
  const windows = Array.from({ length: MINUTE / WINDOW }, (_, index) => start + index * WINDOW);
  await store.append(
    queues.rawMetrics,
    windows.flatMap(recordsOf).map((raw, index) => ({
      score: raw.timestamp,
      id: `${start}.${index}`,
      value: encodeRawMetric(raw) ?? "",
    })),
  );
}

interface Broker {
  readonly settings: Readonly<Record<string, string>>;
  readonly port: number;
  counters(): Promise<ReadonlyMap<string, number>>;
}

async function redisBroker(): Promise<Broker> {
  const redis = await startRedis();
  cleanUps.push(() => redis.stop());
  return {
    settings: { REDIS_URL: redis.url },
    port: redis.port,
    counters: async () => {
      const store = await connected(redis.port);
      return store.counters();
    },
  };
}

async function embeddedBroker(): Promise<Broker> {
  const port = await reservedPort();
  const folder = await newFolder();
  cleanUps.push(folder.remove);
  return {
    settings: {
      CHOUETTE_STORAGE_TYPE: "embedded",
      CHOUETTE_LISTEN: `127.0.0.1:${port}`,
      CHOUETTE_DATA_DIR: folder.path,
    },
    port,
    counters: async () => {
      const { store } = await openEmbeddedStore({ folder: folder.path });
      const counters = await store.counters();
      await store.close();
      return counters;
    },
  };
}

function connected(port: number): Promise<RedisStore> {
  return new Promise((resolve) => {
    const store: RedisStore = new RedisStore({ port, onConnected: () => resolve(store) });
    cleanUps.push(() => store.close());
  });
}

/** @param the protocol of the intake: HTTP/2 needs TLS */
async function liveThroughAnOutage(
  broker: Broker,
  outage: number,
  ttl: number,
  by: "http/1.1" | "h2",
): Promise<void> {
  // In this machine's future, since its own time must not matter; a full minute.
  const begin = (Math.floor(Date.now() / 1000 / MINUTE) + 10) * MINUTE;
  let now = begin;
  let isUp = true;
  let requests: AnsweredRequest[] = [];
  const intake = await startIntake({
    now: () => milliseconds(now * 1000),
    rules: () => (isUp ? undefined : { closeAfterBytes: 0 }),
    onRequest: (request) => requests.push(request),
  });
  cleanUps.push(() => intake.close());
  const front = by === "h2" ? await startHttpsFront(intake.url) : undefined;
  cleanUps.push(async () => front?.stop());
  const agent = await startSteppedAgent(begin * 1000, {
    API_KEY: "any",
    DATADOG_URL: `${front?.url ?? intake.url}/api`,
    ...(front === undefined ? {} : { DATADOG_CA_FILE: front.authority }),
    COLLECTOR_PLUGINS: "[]",
    CHOUETTE_HTTP: "off",
    SEND_SELF_METRICS: "false",
    METRIC_TTL: `${ttl}`,
    ...broker.settings,
  });
  cleanUps.push(() => agent.stop());
  const store = await connected(broker.port);
  const live = async (duration: number) => {
    for (const end = now + duration; now < end; ) {
      await recordMinute(store, now);
      now += MINUTE;
      await agent.moveTo(now * 1000);
    }
  };

  await live(BEFORE);
  isUp = false;
  await live(outage);
  const back = now;
  isUp = true;
  requests = [];
  await live(2 * MINUTE);

  // Within two ticks, the windows that closed before the last tick are there.
  const fresh = intake.points().filter(({ at }) => at >= back && at < back + MINUTE - 2 * WINDOW);
  expect(fresh).toHaveLength((MINUTE / WINDOW - 2) * POINTS_A_WINDOW);

  await live(2 * MINUTE);
  expect(await agent.peakMemory()).toBeLessThan(MAX_MEMORY);
  process.stdout.write(
    `peak ${Math.round((await agent.peakMemory()) / 2 ** 20)} MiB, requests ${requests.length}\n`,
  );
  expect(new Set(requests.map(({ status }) => status))).toEqual(new Set([202]));
  await agent.stop();

  // All of the backlog that is not too old, whole, and the rest counted.
  const accepted = new Map<string, number>();
  for (const { metric, tags, at, value } of intake.points()) {
    if (metric === "outage.count") accepted.set(`${tags} ${at}`, value);
  }
  const missing: string[] = [];
  for (let start = Math.max(begin, back - ttl + 2 * MINUTE); start < back + 2 * MINUTE; start += WINDOW) {
    for (let context = 0; context < COUNTS; context++) {
      if (accepted.get(`context:c${context} ${start}`) !== context + 2)
        missing.push(`c${context} at ${start}`);
    }
  }
  expect(missing).toEqual([]);
  const counters = await broker.counters();
  const { received, overwritten } = intake.counts().points;
  const delivered = counters.get(`${queues.readyMetrics}:delivered`) ?? 0;
  const expired = counters.get(`${queues.readyMetrics}:expired`) ?? 0;
  expect({ delivered, overwritten }).toEqual({ delivered: received, overwritten: 0 });
  const outlived = Math.max(0, BEFORE + outage - ttl);
  // The window that was open when the link failed closed without it, so it was part of the backlog.
  const lost = outlived === 0 ? 0 : ((outlived - BEFORE + WINDOW) / WINDOW) * POINTS_A_WINDOW;
  expect(Math.abs(expired - lost)).toBeLessThanOrEqual(((2 * MINUTE) / WINDOW) * POINTS_A_WINDOW);
}

describe("an outage costs nothing but what is too old", () => {
  it("of two hours, on Redis, with a METRIC_TTL of four, by HTTP/1.1", { timeout: 300_000 }, async () => {
    await liveThroughAnOutage(await redisBroker(), 2 * HOUR, 4 * HOUR, "http/1.1");
  });

  it("of six hours, on the embedded broker, with the METRIC_TTL of four, by HTTP/2", {
    timeout: 300_000,
  }, async () => {
    await liveThroughAnOutage(await embeddedBroker(), 6 * HOUR, 4 * HOUR, "h2");
  });
});
