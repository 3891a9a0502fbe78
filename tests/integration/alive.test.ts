/**
 * An agent is alive if its loops make progress, whatever fails; it isn't while one of its calls hangs.
 *
 * A real agent runs on a clock that the test moves, so its minutes pass in seconds.
 */
import pino from "pino";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Agent, startAgent } from "../../packages/agent/src/agent.js";
import { readSettings } from "../../packages/agent/src/config/config.js";
import type { Status } from "../../packages/agent/src/status/status.js";
import { ManualClock } from "../support/manual-clock.js";
import { CLOSED_PORT, reservedPort } from "../support/ports.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";

const TICK_MS = 2_000;
/** Longer than any call of an agent may take. */
const LONG_MS = 600_000;

let redis: RedisServer;
let agent: Agent;
let clock: ManualClock;
let http: number;

beforeEach(async () => {
  redis = await startRedis();
  http = await reservedPort();
  clock = new ManualClock(Date.now());
  const loaded = readSettings({
    API_KEY: "any",
    // Nobody listens: Datadog is always unavailable.
    DATADOG_URL: `http://127.0.0.1:${CLOSED_PORT}`,
    REDIS_URL: redis.url,
    CHOUETTE_HTTP: `${http}`,
    AGGREGATE_INTERVAL: "1",
    RELEASE_INTERVAL: "1",
  });
  if (!loaded.ok) throw new Error(loaded.problems.join());
  agent = await startAgent(loaded.config, pino({ enabled: false }), clock);
});

afterEach(async () => {
  redis.signal("SIGCONT");
  await agent.stop();
  await redis.stop();
});

async function health() {
  const answer = await fetch(`http://127.0.0.1:${http}/healthz`);
  return { code: answer.status, text: await answer.text() };
}

/** Lets a long time pass repeatedly in the middle of the loops' work: each call ends, and the loop continues. */
async function expectAliveForLong(): Promise<void> {
  for (let round = 0; round < 5; round++) {
    await clock.advance(LONG_MS);
    await until("all loops to go on", async () => (await health()).text === "ok\n");
  }
}

it("is alive while Datadog is unavailable", async () => {
  await expectAliveForLong();
});

it("is alive while the store is unavailable", async () => {
  await redis.kill();
  await expectAliveForLong();
});

it("is not alive while Redis takes calls and never answers them, and is alive when it has answered", async () => {
  await until("the work to begin", async () => {
    const answer = await fetch(`http://127.0.0.1:${http}/status`);
    const { outages } = (await answer.json()) as Status;
    return outages.some(({ component }) => component === "Datadog");
  });
  redis.signal("SIGSTOP");
  // The metrics dispatch may be waiting for Datadog, without using the store.
  const loops = ["lease", "flush", "logs dispatch"];
  const hung = await until("the loops to be missed", async () => {
    await clock.advance(TICK_MS);
    const found = await health();
    return loops.every((loop) => found.text.includes(loop)) ? found : undefined;
  });
  expect(hung.code).toBe(503);
  for (const loop of loops)
    expect(hung.text).toMatch(new RegExp(`^${loop} has made no progress for \\d+ s$`, "m"));
  redis.signal("SIGCONT");
  await until("all to go on", async () => (await health()).text === "ok\n");
});
