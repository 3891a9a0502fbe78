/** The agent killed at random points, on both brokers: every count is at the intake once. */
import { setTimeout as sleep } from "node:timers/promises";
import { ChouetteClient } from "chouette-iot-client";
import { beforeEach, describe, expect, it } from "vitest";
import { type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import { type AgentSettings, startAgentProcess } from "../support/agent-process.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { newFolder } from "../support/folders.js";
import { reservedPort } from "../support/ports.js";
import { startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";

const KILLS = 6;
const INTERVAL_S = 2;
/** Approximate duration of a flush and a dispatch here. */
const WORK_MS = 40;
const CALLS_A_TURN = 20;
const TURN_MS = 10;

const cleanUps = cleanUpsAfterEach();
let intake: Intake;

beforeEach(async () => {
  intake = await startIntake();
  cleanUps.push(() => intake.close());
});

/** An application that counts continuously, partly with late timestamps, until it is stopped. */
function startCounting(client: ChouetteClient) {
  const sums = new Map<string, number>();
  let turn = 0;
  const timer = setInterval(() => {
    turn += 1;
    for (let call = 0; call < CALLS_A_TURN; call++) {
      const zone = `z${call % 3}`;
      const late = turn % 5 === 0 ? { timestamp: Date.now() / 1000 - (call % 7) } : {};
      client.count("work.done", call, { tags: { zone }, ...late });
      sums.set(zone, (sums.get(zone) ?? 0) + call);
    }
  }, TURN_MS);
  return {
    sums,
    stop: async () => {
      clearInterval(timer);
      expect(await client.flush({ timeoutMs: 20_000 })).toBe(true);
      expect(client.stats()).toMatchObject({ buffered: 0, stored: client.stats().accepted });
    },
  };
}

function arrivedSums(): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { metric, tags, value } of intake.points()) {
    if (metric !== "work.done") continue;
    const zone = tags[0]?.slice("zone:".length) ?? "";
    sums.set(zone, (sums.get(zone) ?? 0) + value);
  }
  return sums;
}

async function killAtRandom(settings: AgentSettings): Promise<void> {
  for (let kill = 0; kill < KILLS; kill++) {
    const agent = await startAgentProcess(settings);
    // Not a wait for something: the life of a process that is to end in the middle of its work, which it has at
    // its start and whenever a window closes.
    const untilWork = kill % 2 === 0 ? 0 : INTERVAL_S * 1000 - (Date.now() % (INTERVAL_S * 1000));
    await sleep(untilWork + Math.random() * WORK_MS);
    await agent.end("SIGKILL");
  }
}

async function expectExactSums(broker: AgentSettings, port: number): Promise<void> {
  const settings: AgentSettings = {
    API_KEY: "any",
    DATADOG_URL: `${intake.url}/api`,
    AGGREGATE_INTERVAL: `${INTERVAL_S}`,
    AGGREGATE_GRACE: "0",
    RELEASE_INTERVAL: "1",
    ...broker,
  };
  // Each call is a record, so that the agent has as many to lose as can be.
  const client = new ChouetteClient({
    port,
    aggregate: false,
    bufferRecords: 1_000_000,
    bufferBytes: 256 * 1024 * 1024,
  });
  cleanUps.push(() => client.close({ timeoutMs: 1 }));
  const counting = startCounting(client);
  await killAtRandom(settings);
  const agent = await startAgentProcess(settings);
  cleanUps.push(() => agent.end());
  await counting.stop();
  await until("all sums to be exact", () => {
    const arrived = arrivedSums();
    return [...counting.sums].every(([zone, sum]) => arrived.get(zone) === sum);
  }).catch(() => {});
  expect(arrivedSums()).toEqual(counting.sums);
}

describe("every count is at the intake once, however often the agent is killed", () => {
  it("with a Redis server as the broker", { timeout: 180_000 }, async () => {
    const redis = await startRedis();
    cleanUps.push(() => redis.stop());
    await expectExactSums({ REDIS_URL: redis.url }, redis.port);
  });

  it("with the agent's own broker", { timeout: 180_000 }, async () => {
    const folder = await newFolder();
    cleanUps.push(folder.remove);
    const port = await reservedPort();
    const broker = { CHOUETTE_LISTEN: `127.0.0.1:${port}`, CHOUETTE_DATA_DIR: folder.path };
    await expectExactSums(broker, port);
  });
});
