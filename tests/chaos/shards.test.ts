/**
 * Several agents share the shards of a plain Redis or of a Redis Cluster while they are killed, paused, ended and joined by others,
 * slots move and a master fails over: every sum is exact, every window right, every log arrives, no shard waits, and the work is
 * shared evenly.
 *
 * A short run with two agents on a plain Redis. `npm run chaos` sets CHAOS_SECONDS and CHAOS_SEED for a longer one with four agents
 * and twelve shards, on a Cluster as well.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ChouetteClient } from "chouette-iot-client";
import { describe, expect, it } from "vitest";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { seededRandom } from "../support/random.js";
import { PATIENCE, until } from "../support/until.js";
import { Expectation } from "./expectation.js";
import { Fleet } from "./fleet.js";
import type { Call } from "./journals.js";
import { checkLedger, fatesOf } from "./ledger.js";
import {
  type ShardedBroker,
  startShardedCluster,
  startShardedRedis,
  withShardStore,
} from "./shard-brokers.js";
import { type Disaster, nextDisaster, type ShardedScene, suffer } from "./shard-disasters.js";
import { type Load, ShardMetrics, startProgram, startPythonProgram } from "./shard-load.js";

const LONG_SECONDS = Number(process.env.CHAOS_SECONDS ?? 0);
const IS_LONG = LONG_SECONDS > 0;
const SEED = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31));
const AGENTS = IS_LONG ? 4 : 2;
const SHARDS = IS_LONG ? 12 : 4;
/** In seconds. In the short run, every emission is for a window's last second, which is sent again whole. */
const WINDOW = IS_LONG ? 2 : 1;
/** The client sends what it aggregated at the end of each second. */
const GRACE = 1;
/** An agent releases ready metrics every second. */
const RELEASE_INTERVAL = 1;
const MAX_IDLE_SECONDS = 10;
const MAX_REST_MS = 1_500;
const COMPARED_EVERY_MS = 200;
/** How long the work of each agent is measured, in seconds: whole windows. */
const MEASURED_SECONDS = 20;
const MAX_UNEVENNESS = 0.2;
/** Maximum time between a request and a fault that leaves it unsettled, as observed here. */
const UNSETTLED_MS = 3_000;
const MAX_SHOWN = 20;

const cleanUps = cleanUpsAfterEach();

const brokers = [
  { name: "a plain Redis", start: startShardedRedis, isRun: process.env.CHAOS_BROKER !== "embedded" },
  {
    name: "a Redis Cluster",
    start: startShardedCluster,
    isRun: IS_LONG && process.env.CHAOS_BROKER !== "embedded",
  },
].filter(({ isRun }) => isRun);

/** A period in which a request may have been left unsettled. */
interface Trouble {
  readonly from: number;
  readonly to: number;
}

describe("every sum is exact, every window right and no shard waits while agents come and go", () => {
  it.each(brokers)(`on $name (seed ${SEED})`, {
    timeout: LONG_SECONDS * 1_000 + 240_000 * PATIENCE,
  }, async ({ name, start }) => {
    const say = (line: string) => {
      if (IS_LONG) process.stdout.write(`shards on ${name}: ${line}\n`);
    };
    const scene = await openScene(await start());
    const { fleet, broker } = scene;
    const expectation = new Expectation(WINDOW);
    try {
      await Promise.all(Array.from({ length: AGENTS }, (_, agent) => fleet.start(agent)));
      const loads = startLoads(scene, (call) => expectation.add(call));
      await untilWorkedOn(fleet, Date.now());
      const troubles = await sufferAll(scene, say);
      await expectEvenWork(fleet, say);
      for (const load of loads) await load.stop();
      const logs = loads.flatMap((load) => load.logs);
      const isComplete = () =>
        expectation.compare(fleet.points()).differences.length === 0 &&
        logs.every((log) => fleet.logs().has(log));
      await until("everything to arrive", () => sleep(COMPARED_EVERY_MS).then(isComplete)).catch(() => {});
      for (const agent of fleet.running()) expect(await fleet.end(agent, "SIGTERM")).toBe(0);
      const { differences, ...parts } = expectation.compare(fleet.points());
      const repeated = [...fleet.logs()].filter(([, times]) => times.length > 1);
      const found = {
        differences: differences.length,
        ...parts,
        logs: logs.length,
        repeated: repeated.length,
      };
      say(JSON.stringify({ seed: SEED, ...found, idle: fleet.longestIdleness() }));
      expect(differences.slice(0, MAX_SHOWN)).toEqual([]);
      expect(fleet.splitWindows().slice(0, MAX_SHOWN)).toEqual([]);
      expect(logs.filter((log) => !fleet.logs().has(log)).slice(0, MAX_SHOWN)).toEqual([]);
      const isExcused = (first = 0) =>
        troubles.some(({ from, to }) => first > from - UNSETTLED_MS && first < to + UNSETTLED_MS);
      expect(repeated.filter(([, [first]]) => !isExcused(first)).slice(0, MAX_SHOWN)).toEqual([]);
      const stored = loads.reduce((sum, load) => sum + load.storedMetrics(), 0);
      expect(await wrongLedgers(broker, stored)).toEqual([]);
      // A short run is too short to distinguish an idle shard from a slow machine.
      if (IS_LONG) expect(fleet.longestIdleness().seconds).toBeLessThan(MAX_IDLE_SECONDS * PATIENCE);
    } catch (error) {
      for (const words of fleet.lastWords()) say(words);
      throw error;
    }
  });
});

async function openScene(broker: ShardedBroker): Promise<ShardedScene> {
  cleanUps.push(broker.stop);
  const metrics = new ShardMetrics(SHARDS);
  const fleet = new Fleet({
    window: WINDOW,
    shardOfReady: (metric) => metrics.shardOfReady(metric),
    settings: {
      API_KEY: "any",
      REDIS_URL: `redis://127.0.0.1:${broker.port}`,
      CHOUETTE_SHARDS: `${SHARDS}`,
      AGGREGATE_INTERVAL: `${WINDOW}`,
      AGGREGATE_GRACE: `${GRACE}`,
      RELEASE_INTERVAL: `${RELEASE_INTERVAL}`,
    },
  });
  cleanUps.push(() => fleet.abandon());
  return { broker, fleet, metrics, agents: AGENTS };
}

/** Two programs with the client, one of which doesn't aggregate, and a Python program if the broker has the original's queues. */
function startLoads({ broker, metrics }: ShardedScene, record: (call: Call) => void): readonly Load[] {
  const programs = [true, false].map((aggregate, program) => {
    const client = new ChouetteClient({
      port: broker.port,
      shards: SHARDS,
      aggregate,
      bufferRecords: 200_000,
    });
    cleanUps.push(() => client.close({ timeoutMs: 1 }));
    return startProgram(client, metrics, program, record);
  });
  if (!broker.hasOriginalQueues) return programs;
  return [...programs, startPythonProgram(broker.port, metrics, programs.length, record)];
}

/** @returns when requests may have been left unsettled */
async function sufferAll(scene: ShardedScene, say: (line: string) => void): Promise<readonly Trouble[]> {
  const { broker, fleet } = scene;
  const random = seededRandom(SEED);
  const troubles: Trouble[] = [];
  const pass = async (disaster: Disaster) => {
    say(JSON.stringify(disaster));
    const from = Date.now();
    await suffer(disaster, scene);
    const to = Date.now();
    if (disaster.kind !== "join or leave" && disaster.kind !== "end") troubles.push({ from, to });
    await untilWorkedOn(fleet, to);
  };
  if (!IS_LONG) await pass({ kind: "kill", agent: 0, downMs: 1_000 });
  const begun = Date.now();
  let failsOver = broker.failOver !== undefined;
  for (let elapsed = 0; elapsed < LONG_SECONDS * 1_000; elapsed = Date.now() - begun) {
    await sleep(random() * MAX_REST_MS);
    const isTime = failsOver && elapsed > (LONG_SECONDS * 1_000) / 2;
    if (isTime) failsOver = false;
    await pass(isTime ? { kind: "fail over", shard: 0 } : nextDisaster(random, scene));
  }
  if (fleet.running().includes(AGENTS)) await fleet.end(AGENTS, "SIGTERM");
  return troubles;
}

async function untilWorkedOn(fleet: Fleet, since: number): Promise<void> {
  await until("every shard to be worked on", () => isWorkedOn(fleet, since), 2_000 * MAX_IDLE_SECONDS);
}

/** Whether metrics of each shard have arrived since then, in milliseconds since the epoch. */
function isWorkedOn(fleet: Fleet, since: number): boolean {
  const senders = [...fleet.senders().values()];
  return senders.length === SHARDS && senders.every(({ at }) => at > since);
}

/** Whether each agent has recently sent metrics of as many shards as every other. */
function isEven(fleet: Fleet): boolean {
  const recent = Date.now() - (2 * WINDOW + GRACE + RELEASE_INTERVAL) * 1_000;
  const senders = [...fleet.senders().values()];
  const shares = fleet.running().map((agent) => senders.filter((sender) => sender.agent === agent).length);
  return senders.every(({ at }) => at > recent) && shares.every((share) => share === SHARDS / AGENTS);
}

/** Each agent must get as many shards as every other; in a long run, their work is measured as well. */
async function expectEvenWork(fleet: Fleet, say: (line: string) => void): Promise<void> {
  await until("even shares", () => isEven(fleet));
  if (!IS_LONG) return;
  const from = (Math.ceil(Date.now() / 1_000 / WINDOW) + 1) * WINDOW;
  const before = fleet.cpuSeconds();
  await sleep((MEASURED_SECONDS + WINDOW) * 1_000);
  const cpu = [...fleet.cpuSeconds()].map(([agent, seconds]) => seconds - (before.get(agent) ?? 0));
  await untilWorkedOn(fleet, (from + MEASURED_SECONDS + GRACE) * 1_000);
  // A histogram's count is a rate: samples per second.
  const sums = fleet.sumByAgent(
    (metric, at) => metric.endsWith(".count") && at >= from && at < from + MEASURED_SECONDS,
  );
  const samples = [...sums.values()].map((rate) => rate * WINDOW);
  say(JSON.stringify({ samplesByAgent: samples, cpuSecondsByAgent: cpu }));
  expect(samples.length).toBe(AGENTS);
  const mean = samples.reduce((sum, share) => sum + share, 0) / AGENTS;
  for (const share of samples) expect(Math.abs(share - mean) / mean).toBeLessThan(MAX_UNEVENNESS);
}

/**
 * The ledger of each shard must balance, and nothing may be pending.
 * @param stored number of raw metrics that the programs have stored
 */
async function wrongLedgers(broker: ShardedBroker, stored: number): Promise<readonly string[]> {
  const wrong: string[] = [];
  let aggregated = 0;
  for (let shard = 0; shard < SHARDS; shard++) {
    await withShardStore(broker, shard, async (store, queues) => {
      for (const queue of [queues.rawMetrics, queues.readyMetrics, queues.logs, queues.rejected]) {
        const pending = await store.size(queue);
        if (pending > 0) wrong.push(`${queue}: ${pending} pending`);
      }
      wrong.push(...(await checkLedger(store, undefined, queues)));
      const fates = fatesOf(queues.rawMetrics, await store.counters());
      for (const [, count] of fates) aggregated += count;
    });
  }
  if (aggregated !== stored) wrong.push(`${stored} raw metrics were stored, but ${aggregated} counted`);
  return wrong;
}
