/** Agents that share the shards of one Redis, and clients that know of shards and that don't. */
import { rename } from "node:fs/promises";
import { type NewRecord, queueNames, shardNamespace } from "@chouette-iot/queue";
import { RedisStore } from "@chouette-iot/queue/redis";
import { milliseconds, shardOf } from "@chouette-iot/record";
import { beforeEach, describe, expect, it } from "vitest";
import { readSettings } from "../../packages/agent/src/config/config.js";
import { type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import { POLL_INTERVAL } from "../../packages/agent/src/lease/leader.js";
import { manyShards } from "../../packages/agent/src/many-shards.js";
import { WireMeter } from "../../packages/agent/src/outputs/wire-meter.js";
import { type Clock, systemClock } from "../../packages/agent/src/runtime/clock.js";
import { newAllDeliveries } from "../../packages/agent/src/status/deliveries.js";
import { History } from "../../packages/agent/src/status/history.js";
import { RecordTap } from "../../packages/agent/src/status/record-tap.js";
import { SeriesMeter } from "../../packages/agent/src/status/series-use.js";
import type { Status } from "../../packages/agent/src/status/status.js";
import { currentBoot } from "../../packages/agent/src/timekeeping/boot.js";
import { type AgentSettings, chouette, startAgentProcess, statusPort } from "../support/agent-process.js";
import { lookInto } from "../support/broker-records.js";
import { newCertificates } from "../support/certificates.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import type { Running } from "../support/running.js";
import { until } from "../support/until.js";

const SHARDS = 4;
/** The growth takes three windows each time. Its parts are tested beside growth.ts and carried-windows.ts. */
const IS_ASKED_FOR = process.env.SHARDS_GROWTH !== undefined;
const TAKE_OVER_MS = 10_000;
const METRICS = ["work.done", "work.left", "rain", "wind-speed", "a", "b"];

let intake: Intake;
let redis: RedisServer;
/** Each shard's, then the original's. */
let stores: readonly RedisStore[];
const cleanUps = cleanUpsAfterEach();

beforeEach(async () => {
  intake = await startIntake();
  redis = await startRedis();
  stores = Array.from({ length: SHARDS }, (_, shard) => newStore(shardNamespace(shard)));
  stores = [...stores, newStore()];
  await until("the connections", () => Promise.all(stores.map((store) => store.size("any"))));
  cleanUps.push(
    () => intake.close(),
    () => redis.stop(),
    ...stores.map((store) => () => store.close()),
  );
});

function newStore(namespace?: string): RedisStore {
  return new RedisStore({ url: redis.url, ...(namespace === undefined ? {} : { namespace }) });
}

function settings(shards = SHARDS): AgentSettings {
  return {
    API_KEY: "any",
    DATADOG_URL: `${intake.url}/api`,
    REDIS_URL: redis.url,
    CHOUETTE_SHARDS: `${shards}`,
    AGGREGATE_INTERVAL: "1",
    AGGREGATE_GRACE: "0",
    RELEASE_INTERVAL: "1",
    HOST: "device",
  };
}

async function startAgent(more: AgentSettings = {}): Promise<Running> {
  const agent = await startAgentProcess({ ...settings(), ...more });
  cleanUps.push(() => agent.end("SIGKILL"));
  return agent;
}

/** The process that works on each shard, and on the original's queues. */
async function holders(): Promise<readonly (number | undefined)[]> {
  const texts = await Promise.all(stores.map((store) => store.state(["agent:lease"])));
  return texts.map(([text]) => (text === undefined ? undefined : (JSON.parse(text).pid as number)));
}

async function sharesOf(...agents: readonly Running[]): Promise<readonly number[]> {
  const held = (await holders()).slice(0, SHARDS);
  return agents.map(({ child: { pid } }) => held.filter((holder) => holder === pid).length);
}

const WITHOUT_SHARDS = { CHOUETTE_SHARDS: "" };

let made = 0;
/** Counts continuously: each metric by a client without shards, and by one with them. */
function startCounting(): () => Promise<ReadonlyMap<string, number>> {
  const sums = new Map<string, number>();
  let stored = Promise.resolve();
  const timer = setInterval(() => {
    const timestamp = Date.now() / 1000;
    for (const metric of METRICS) {
      const shard = shardOf(metric, SHARDS);
      for (const queue of [queueNames(), queueNames(shardNamespace(shard))]) {
        made += 1;
        const value = made % 7;
        const record: NewRecord = {
          score: timestamp,
          id: `id${made}`,
          value: JSON.stringify({ metric, type: "count", value, timestamp, tags: {} }),
        };
        sums.set(metric, (sums.get(metric) ?? 0) + value);
        stored = stored.then(() => stores[0]?.append(queue.rawMetrics, [record]));
      }
    }
  }, 20);
  return async () => {
    clearInterval(timer);
    await stored;
    return new Map([...sums].map(([metric, sum]) => [metric.replace("-", "_"), sum]));
  };
}

/** Sums of what Datadog would keep. */
function arrived(): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const { metric, value } of intake.points()) sums.set(metric, (sums.get(metric) ?? 0) + value);
  return sums;
}

async function expectToArrive(sums: ReadonlyMap<string, number>): Promise<void> {
  const isComplete = () => [...sums].every(([metric, sum]) => (arrived().get(metric) ?? 0) >= sum);
  await until("all counts to arrive", isComplete).catch(() => {});
  expect(new Map([...arrived()].sort())).toEqual(new Map([...sums].sort()));
}

/** The second agent's status, and the commands, show all shards and which agent works on each. */
async function expectToBeShown([first, second]: readonly [Running, Running]): Promise<void> {
  const http = { ...settings(), CHOUETTE_HTTP: `127.0.0.1:${await statusPort(second)}` };
  const answer = await fetch(`http://${http.CHOUETTE_HTTP}/status`);
  const { shards = [], queues = [] } = (await answer.json()) as Status;
  const pids = new Map(shards.map(({ shard, holder }) => [shard, holder?.pid]));
  expect([...pids.keys()]).toEqual(["0", "1", "2", "3", "original"]);
  const each = [first, second].map(({ child: { pid } }) => pid);
  expect([...new Set(pids.values())].sort()).toEqual(each.sort());
  for (const { isOurs, holder } of shards) expect(isOurs).toBe(holder?.pid === second.child.pid);
  expect(queues.map(({ name }) => name)).toEqual(Object.values(queueNames()));
  expect(queues.find(({ name }) => name.endsWith(":raw"))?.ledger.done.routed).toBeGreaterThan(0);
  const commands = [["status"], ["queue", "ls", "--json"], ["doctor"]];
  const ran = await Promise.all(commands.map((args) => chouette(args, http)));
  const [text = "", listed = "", findings = ""] = ran.map(({ output }) => output);
  expect(text).toMatch(/^Shard +Agent +Pending\n-*\n?0 /m);
  expect(text).toContain("this one");
  const metrics = await (await fetch(`http://${http.CHOUETTE_HTTP}/metrics`)).text();
  expect(metrics.match(/^chouette_shard_held\{shard="\w+"\} 1$/gm)).toHaveLength(
    shards.filter(({ isOurs }) => isOurs).length,
  );
  const names = (JSON.parse(listed) as readonly { readonly name: string }[]).map(({ name }) => name);
  expect(names).toEqual(Object.values(queueNames()));
  expect(findings).toContain("4 shards");
}

describe("every count of every client is at the intake once", () => {
  it("when agents share the shards fairly, and one of them is killed", { timeout: 60_000 }, async () => {
    const agents = [await startAgent(), await startAgent({ CHOUETTE_HTTP: "127.0.0.1:0" })] as const;
    const stop = startCounting();
    await until("fair shares", async () =>
      (await sharesOf(...agents)).every((share) => share === SHARDS / 2),
    );
    await until("an agent for the original's queues", async () => (await holders())[SHARDS]);
    await until("a delivery", () => arrived().size === METRICS.length);
    await expectToBeShown(agents);
    await agents[0].end("SIGKILL");
    await until(
      "the other to take all",
      async () => (await holders()).every((holder) => holder === agents[1].child.pid),
      TAKE_OVER_MS,
    );
    await expectToArrive(await stop());
    expect(await agents[1].end()).toBe(0);
    // All leases are free, and nobody is a member.
    expect(await holders()).toEqual(stores.map(() => undefined));
    expect(await stores[0]?.state(["agents"])).toEqual([undefined]);
  });

  it.runIf(IS_ASKED_FOR)(
    "when a store without shards gets some, and more later, though each window gets late records",
    {
      timeout: 60_000,
    },
    async () => {
      const window = Math.floor(Date.now() / 1000) - 20;
      const sums = new Map(METRICS.map((metric) => [metric.replace("-", "_"), 0]));
      /** A client without shards counts; then an agent delivers everything, and ends. */
      const deliver = async (shards: number | undefined) => {
        const records = METRICS.map((metric, index): NewRecord => {
          made += 1;
          const name = metric.replace("-", "_");
          sums.set(name, (sums.get(name) ?? 0) + index + 1);
          const value = { metric, type: "count", value: index + 1, timestamp: window, tags: {} };
          return { score: window, id: `id${made}`, value: JSON.stringify(value) };
        });
        await stores[0]?.append(queueNames().rawMetrics, records);
        const agent = await startAgentProcess({
          ...settings(shards ?? 1),
          ...(shards === undefined && WITHOUT_SHARDS),
        });
        cleanUps.push(() => agent.end("SIGKILL"));
        await expectToArrive(sums);
        expect(await agent.end()).toBe(0);
      };
      await deliver(undefined);
      await deliver(2);
      await deliver(SHARDS);
      const numbers = await Promise.all(stores.slice(0, SHARDS).map((store) => store.shards()));
      expect(numbers).toEqual([SHARDS, SHARDS, SHARDS, SHARDS]);
    },
  );
});

it("an output that can't be opened costs no connections, and the shards are opened once it can be", async () => {
  const certificates = await newCertificates();
  cleanUps.push(() => certificates.remove());
  const ca = certificates.authority;
  const gateway = { GATEWAY_URL: "rediss://127.0.0.1:1", GATEWAY_CA_FILE: ca, SEND_SELF_METRICS: "false" };
  const loaded = readSettings({ ...settings(3), ...gateway });
  if (!loaded.ok) throw new Error(loaded.problems.join());
  let rounds = 0;
  const clock: Clock = {
    ...systemClock,
    sleep: async (duration, signal) => {
      if (duration === POLL_INTERVAL) rounds += 1;
      // Each round would take a second.
      await systemClock.sleep(milliseconds(duration / 50), signal);
    },
  };
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const set = await manyShards(
    {
      ...{ config: loaded.config, clock, log, boot: currentBoot(), wireMeter: new WireMeter() },
      ...{ deliveries: newAllDeliveries(), series: new SeriesMeter(), history: new History() },
      ...{ tap: new RecordTap(), status: () => Promise.reject(new Error("not running")) },
    },
    3,
  );
  cleanUps.push(async () => {
    await set.stop();
    await set.close();
  });
  await rename(ca, `${ca}.moved`);
  set.start();
  await until("ten attempts", () => rounds >= 10);
  const broker = await lookInto(redis.url);
  cleanUps.push(() => broker.close());
  const clients = `${await broker.command("CLIENT", "LIST")}`.trim().split("\n");
  // The test's, the first shard's, and at most those of the attempt in progress.
  expect(clients.length).toBeLessThanOrEqual(stores.length + 1 + 3);
  await rename(`${ca}.moved`, ca);
  await until("the shards", () => set.shards().length === 4);
});
