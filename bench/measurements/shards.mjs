/**
 * Several agents on the shards of one Redis: `node bench/measurements/shards.mjs [SECONDS [ROUNDS [RECORDS_PER_SECOND]]]`, after a
 * build. Prints a line of JSON for each run, then one with the means for 1, 2 and 4 agents.
 *
 * In each run so many agents share twelve shards of an empty redis-server evenly. Records are stored at a constant rate: counts,
 * gauges and histograms of 100 contexts in each shard, the same number in each. A load of five seconds for each agent comes first, so that the
 * agents' code is compiled. CPU is that of the agents' processes from the first record after it until all raw queues are empty, without redis-server. From it,
 * `microsecondsPerRecord` subtracts what the agents use without records, which is `idle`, in milliseconds a second. The runs with 1, 2 and 4
 * agents alternate, so that what else the machine does affects all of them.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RedisStore } from "@chouette-iot/queue/redis";
import { thisTree } from "../suite/trees.mjs";
import { startAgent } from "../support/agent.mjs";
import { startSummingIntake } from "../support/intake.mjs";
import { startRedis } from "../support/redis.mjs";
import { until } from "../support/until.mjs";

const SHARDS = 12;
const AGENTS = [1, 2, 4];
const CONTEXTS = 100;
const TYPES = ["count", "gauge", "count", "histogram"];
const TICK_MS = 50;
const IDLE_MS = 4_000;
/** For each agent: with more agents, each gets fewer records a second. */
const WARM_UP_SECONDS = 5;
const MILLION = 1e6;
const [seconds = 10, rounds = 3, rate = 24_000] = process.argv.slice(2).map(Number);

const namespace = (shard) => `chouette:{${shard}}`;
const folder = await mkdtemp(join(tmpdir(), "chouette-bench-"));
const tree = thisTree();

/** The records of one tick for a shard. @param {number} from number of the first */
function recordsOf(shard, name, from, count) {
  const now = Date.now() / 1000;
  return Array.from({ length: count }, (_, index) => {
    const number = from + index;
    const context = number % CONTEXTS;
    const type = TYPES[context % TYPES.length];
    const value = `{"metric":"my.s${shard}.m${context}","type":"${type}","value":${number % 1_000},"timestamp":${now},"tags":{"zone":"z${context % 3}","kind":"k"}}`;
    return {
      score: now,
      id: `${name}.${shard}.${number}`,
      value,
      counted: type === "count" ? number % 1_000 : 0,
    };
  });
}

/** The process that works on each shard. @param {RedisStore[]} stores */
async function holders(stores) {
  const leases = await Promise.all(stores.map((store) => store.state(["agent:lease"])));
  return leases.map(([lease]) => (lease === undefined ? undefined : JSON.parse(lease).pid));
}

async function isEven(stores, agents) {
  const held = await holders(stores);
  return agents.every(({ pid }) => held.filter((holder) => holder === pid).length === SHARDS / agents.length);
}

async function sizes(stores, queue) {
  const each = await Promise.all(stores.map((store, shard) => store.size(`${namespace(shard)}:${queue}`)));
  return each.reduce((sum, size) => sum + size, 0);
}

/**
 * Stores records at the rate.
 * @param {RedisStore[]} stores
 * @param {number} seconds
 * @param {string} name of the load, for ids
 * @returns their number, and the sum of the counts
 */
async function load(stores, seconds, name) {
  const perTick = Math.round((rate * TICK_MS) / 1000 / SHARDS);
  const ticks = Math.round((seconds * 1000) / TICK_MS);
  const begun = performance.now();
  let counted = 0;
  for (let tick = 0; tick < ticks; tick++) {
    await Promise.all(
      stores.map((store, shard) => {
        const records = recordsOf(shard, name, tick * perTick, perTick);
        for (const record of records) counted += record.counted;
        return store.append(`${namespace(shard)}:metrics:raw`, records);
      }),
    );
    await sleep(Math.max(0, begun + (tick + 1) * TICK_MS - performance.now()));
  }
  return { records: ticks * perTick * SHARDS, counted };
}

async function run(count) {
  const redis = await startRedis(folder);
  const intake = await startSummingIntake();
  const stores = Array.from(
    { length: SHARDS },
    (_, shard) => new RedisStore({ port: redis.port, namespace: namespace(shard) }),
  );
  const settings = {
    REDIS_URL: redis.url,
    CHOUETTE_SHARDS: `${SHARDS}`,
    DATADOG_URL: `${intake.url}/api`,
    RELEASE_INTERVAL: "2",
  };
  const agents = await Promise.all(Array.from({ length: count }, () => startAgent(tree, settings)));
  try {
    await until("even shares", () => isEven(stores, agents));
    const cpu = () => agents.map((agent) => agent.cpuSeconds());
    const resting = cpu();
    await sleep(IDLE_MS);
    const idle = cpu().map((end, agent) => (end - resting[agent]) / (IDLE_MS / 1000));
    const drained = () =>
      until("the raw queues' end", async () => (await sizes(stores, "metrics:raw")) === 0, { everyMs: 100 });
    const warmUp = await load(stores, WARM_UP_SECONDS * count, "warm");
    await drained();
    const before = cpu();
    const begun = performance.now();
    const { records, counted } = await load(stores, seconds, "bench");
    await drained();
    const after = cpu();
    const elapsed = (performance.now() - begun) / 1000;
    await until("the ready queues' end", async () => (await sizes(stores, "metrics:wrapped")) === 0, {
      everyMs: 100,
    });
    intake.check();
    const sum = warmUp.counted + counted;
    if (intake.counted() !== sum) throw new Error(`${sum} counted, ${intake.counted()} arrived`);
    if (!(await isEven(stores, agents))) throw new Error("the shares changed during the run");
    const perAgent = after.map((end, agent) => end - before[agent]);
    const perRecord = (cpuSeconds) => Number(((cpuSeconds * MILLION) / records).toFixed(2));
    const sumOf = (numbers) => numbers.reduce((total, number) => total + number, 0);
    const mean = sumOf(perAgent) / count;
    return {
      agents: count,
      records,
      recordsPerAgent: records / count,
      cpuSecondsPerAgent: perAgent.map((cpuSeconds) => Number(cpuSeconds.toFixed(2))),
      maxDeviation: Number((Math.max(...perAgent.map((one) => Math.abs(one - mean))) / mean).toFixed(3)),
      microsecondsPerRecord: perRecord(sumOf(perAgent) - sumOf(idle) * elapsed),
      withIdle: perRecord(sumOf(perAgent)),
      idle: idle.map((share) => Math.round(share * 1_000)),
    };
  } finally {
    for (const store of stores) await store.close();
    for (const agent of agents) await agent.stop();
    await intake.close();
    await redis.stop();
  }
}

const results = [];
try {
  for (let round = 0; round < rounds; round++) {
    for (const count of AGENTS) {
      const result = await run(count);
      results.push(result);
      console.log(JSON.stringify(result));
    }
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
const means = AGENTS.map((count) => {
  const each = results.filter(({ agents }) => agents === count).map((result) => result.microsecondsPerRecord);
  return [count, Number((each.reduce((sum, cpu) => sum + cpu, 0) / each.length).toFixed(2))];
});
console.log(JSON.stringify({ microsecondsPerRecordByAgents: Object.fromEntries(means) }));
