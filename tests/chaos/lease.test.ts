/** Two agents on one Redis: one works, the other takes over, and nothing of a former leader is applied. */
import { setTimeout as sleep } from "node:timers/promises";
import { type NewRecord, queueNames } from "@chouette-iot/queue";
import { RedisStore } from "@chouette-iot/queue/redis";
import { beforeEach, describe, expect, it } from "vitest";
import { type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import { FencedStore } from "../../packages/agent/src/lease/fenced-store.js";
import { Lease } from "../../packages/agent/src/lease/lease.js";
import { systemClock } from "../../packages/agent/src/runtime/clock.js";
import { type AgentSettings, runChouette, startAgentProcess } from "../support/agent-process.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { startHoldingLink } from "../support/holding-link.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";
import { checkLedger } from "./ledger.js";

const queues = queueNames();
const TAKE_OVER_MS = 10_000;
const ROUNDS = 1;

let intake: Intake;
let redis: RedisServer;
let store: RedisStore;
const cleanUps = cleanUpsAfterEach();

beforeEach(async () => {
  intake = await startIntake();
  redis = await startRedis();
  store = new RedisStore({ url: redis.url });
  await until("the store's connection", async () => (await store.size(queues.rawMetrics)) >= 0);
  cleanUps.push(
    () => intake.close(),
    () => redis.stop(),
    () => store.close(),
  );
});

function settings(port = redis.port): AgentSettings {
  return {
    API_KEY: "any",
    DATADOG_URL: `${intake.url}/api`,
    REDIS_URL: `redis://127.0.0.1:${port}`,
    AGGREGATE_INTERVAL: "1",
    AGGREGATE_GRACE: "0",
    RELEASE_INTERVAL: "1",
  };
}

async function startAgent(port?: number) {
  const agent = await startAgentProcess(settings(port));
  cleanUps.push(() => {
    agent.child.kill("SIGCONT");
    return agent.end("SIGKILL");
  });
  return agent;
}

let counted = 0;
/** Counts continuously, so that the leader always has work. @returns a function that stops it and returns the sum */
function startCounting(): () => Promise<number> {
  let sum = 0;
  let stored = Promise.resolve();
  const timer = setInterval(() => {
    const timestamp = Date.now() / 1000;
    const records: NewRecord[] = Array.from({ length: 20 }, (_, value) => ({
      score: timestamp,
      id: `id${++counted}`,
      value: JSON.stringify({ metric: "work.done", type: "count", value, timestamp, tags: {} }),
    }));
    sum += 190;
    stored = stored.then(() => store.append(queues.rawMetrics, records));
  }, 10);
  return async () => {
    clearInterval(timer);
    await stored;
    return sum;
  };
}

const arrived = () =>
  intake
    .points()
    .filter(({ metric }) => metric === "work.done")
    .reduce((sum, { value }) => sum + value, 0);

const isNothingReady = async () => (await store.size(queues.readyMetrics)) === 0;

/** Waits until more records are delivered. */
async function expectDelivery(deadlineMs?: number): Promise<void> {
  const before = arrived();
  await until("a delivery", () => arrived() > before, deadlineMs);
}

/** A second agent, which has seen that another is the leader. */
async function startStandBy() {
  const second = await startAgent();
  await second.wrote("standing by");
  return second;
}

async function expectAllToArrive(stop: () => Promise<number>): Promise<void> {
  const sum = await stop();
  await until("all to arrive", () => arrived() >= sum).catch(() => {});
  expect(arrived()).toBe(sum);
}

describe("every count is at the intake once, and within 10 seconds", () => {
  it("when the working agent is killed, again and again", { timeout: 90_000 }, async () => {
    let working = await startAgent();
    const stop = startCounting();
    await expectDelivery();
    for (let round = 0; round < ROUNDS; round++) {
      const second = await startStandBy();
      await working.end("SIGKILL");
      await second.wrote("took over the work", TAKE_OVER_MS);
      await expectDelivery();
      expect(second.output().match(/standing by/g)).toHaveLength(1);
      working = second;
    }
    await expectAllToArrive(stop);
  });

  it("when the working agent is paused in the middle of its work and goes on", {
    timeout: 90_000,
  }, async () => {
    let working = await startAgent();
    const stop = startCounting();
    await expectDelivery();
    for (let round = 0; round < ROUNDS; round++) {
      const second = await startStandBy();
      // Not a wait for something: it is to be caught in its work, which it has when a window closes.
      const untilWork = 1_000 - (Date.now() % 1_000);
      await sleep(untilWork + Math.random() * 20);
      working.child.kill("SIGSTOP");
      await second.wrote("took over the work", TAKE_OVER_MS);
      await expectDelivery();
      working.child.kill("SIGCONT");
      await working.wrote("the lease has gone to another agent");
      await working.wrote("standing by");
      expect(working.output()).not.toContain("is unavailable");
      await working.end("SIGKILL");
      working = second;
    }
    await expectAllToArrive(stop);
  });

  it("when the working agent ends in order: the lease is free at once", async () => {
    const first = await startAgent();
    const second = await startStandBy();
    expect(await first.end()).toBe(0);
    await second.wrote("took over the work", 3_000);
    expect(await second.end()).toBe(0);
    const third = runChouette(["agent"], settings());
    cleanUps.push(() => third.end("SIGKILL"));
    await third.wrote(/agent \S+ started/);
    expect(third.output()).not.toContain("standing by");
  });
});

/** Stores so many counts of 1, of one second. */
async function count(records: number, timestamp: number): Promise<void> {
  const value = JSON.stringify({ metric: "work.done", type: "count", value: 1, timestamp, tags: {} });
  const named = () => ({ score: timestamp, id: `id${++counted}`, value });
  await store.append(queues.rawMetrics, Array.from({ length: records }, named));
}

describe("nothing that an agent remembers outlasts a gap in its lease", () => {
  it("if it is paused while another takes over and ends again", { timeout: 60_000 }, async () => {
    const window = Math.floor(Date.now() / 1000) - 5;
    const first = await startAgent();
    const expectSum = (sum: number) => until(`a sum of ${sum}`, () => arrived() === sum);
    await count(2, window);
    await expectSum(2);
    await until("that to be settled", isNothingReady);
    first.child.kill("SIGSTOP");
    const second = await startAgent();
    await second.wrote("took over the work", TAKE_OVER_MS);
    await count(3, window);
    await expectSum(5);
    await until("that to be settled", isNothingReady);
    expect(await second.end()).toBe(0);
    first.child.kill("SIGCONT");
    await first.wrote("another agent may have held the lease");
    await count(2, window);
    await expectSum(7);
    await until("that to be settled", isNothingReady);
    expect(await checkLedger(store, 7)).toEqual([]);
    // Both agents' bytes are counted; those of the day and of the month are equal.
    const sent = await store.stateWithPrefix("chouette:sent:");
    expect([...sent.values()].map(Number)).toEqual([intake.counts().bytes.sent, intake.counts().bytes.sent]);
  });
});

describe("nothing of a former token comes into force", () => {
  it.each([
    ["another agent has taken over", false],
    ["the agent itself has gone on over another connection", true],
  ])("when a flush that was cut off reaches the server after %s", { timeout: 60_000 }, async (_, isSame) => {
    const link = await startHoldingLink(redis.port);
    cleanUps.push(link.stop);
    const first = await startAgent(link.port);
    const window = Math.floor(Date.now() / 1000) - 5;
    const cut = link.holdNext(`${queues.rawMetrics}:aggregated`, isSame);
    await count(20, window);
    await cut;
    // So that the window's next emission differs from the one that was cut off.
    await count(5, window);
    const second = isSame ? undefined : await startAgent();
    await second?.wrote("took over the work", TAKE_OVER_MS);
    await until("all to arrive", () => arrived() === 25);
    await until("that to be settled", isNothingReady);
    const answers = await link.release();
    link.open();
    if (!isSame) await first.wrote("standing by");
    // Later records have passed everything that the cut-off flush could have left behind.
    await count(1, window + 2);
    await until("the last to arrive", () => intake.points().some(({ at }) => at === window + 2));
    await until("that to be settled", isNothingReady);
    expect({
      // Because of the lease's state or the window's: both have changed.
      refused: /\*2\r\n:1\r\n\$\d+\r\n(agent:lease|window:[^\r]+)\r\n$/.test(answers),
      arrived: arrived(),
      ledger: await checkLedger(store, 26),
    }).toEqual({
      refused: true,
      arrived: 26,
      ledger: [],
    });
  });

  it("when a settlement reaches the server after the holder has taken the lease again", async () => {
    const lease = new Lease(store, systemClock);
    expect(await lease.take()).toMatchObject({ kind: "held" });
    const straggler = { onlyWhile: lease.fence, count: new Map([["settled", 1]]) };
    const fenced = new FencedStore(store, lease, () => {});
    await fenced.settle({ count: new Map([["settled", 1]]) });
    await expect(fenced.settle({ onlyWhile: new Map([["nobody's", "text"]]) })).rejects.toThrow("stale");
    expect(await fenced.counters()).toEqual(new Map([["settled", 1]]));
    await expect(store.settle(straggler)).rejects.toThrow("stale");
    await fenced.settle({ count: new Map([["settled", 1]]) });
    expect(await store.counters()).toEqual(new Map([["settled", 2]]));
  });
});
