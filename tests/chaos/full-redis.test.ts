/**
 * A Redis of 12 MB that fills up while the link is down: once the link recovers it drains without help, and each point
 * arrives once.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { queueNames } from "@chouette-iot/queue";
import { RedisStore } from "@chouette-iot/queue/redis";
import { expect, it } from "vitest";
import { startIntake } from "../../packages/agent/src/intake/intake.js";
import { startAgentProcess } from "../support/agent-process.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";
import { checkLedger } from "./ledger.js";

const queues = queueNames();
const MEMORY = 12_000_000;
const BATCH = 200;
const PAUSE_MS = 20;
/** How long the store stays full, so that flush and expiry have freed all the room that they can. */
const FULL_MS = 15_000;

const cleanUps = cleanUpsAfterEach();
it("drains by itself, each point once", { timeout: 240_000 }, async () => {
  let isDown = true;
  const accepted: string[] = [];
  const intake = await startIntake({
    keepPoints: 1_000_000,
    rules: ({ method }) => (isDown && method === "POST" ? { closeAfterBytes: 0 } : undefined),
    onRequest: ({ status, submission }) => {
      if (status !== 202) return;
      for (const { metric, tags, points } of submission.series) {
        for (const [at] of points) accepted.push(`${metric} ${tags.join()} ${at}`);
      }
    },
  });
  cleanUps.push(() => intake.close());
  const redis = await startRedis(["--maxmemory", `${MEMORY}`, "--maxmemory-policy", "noeviction"]);
  cleanUps.push(redis.stop);
  const store = new RedisStore({ url: redis.url });
  cleanUps.push(() => store.close());
  await until("the store", async () => (await store.size(queues.rawMetrics)) >= 0);
  const agent = await startAgentProcess({
    API_KEY: "any",
    DATADOG_URL: `${intake.url}/api`,
    REDIS_URL: redis.url,
    AGGREGATE_INTERVAL: "2",
    RELEASE_INTERVAL: "2",
  });
  cleanUps.push(() => agent.end("SIGKILL"));

  const { stored, refused } = await fill(store);
  expect(refused).toBeGreaterThan(10);
  expect((await store.serverInfo())?.usedMemory).toBeGreaterThan(0.9 * MEMORY);

  isDown = false;
  const started = performance.now();
  await until("the queues to drain", async () => (await waiting(store)) === 0, 120_000);
  const seconds = (performance.now() - started) / 1_000;
  const sum = intake.points().reduce((total, { value }) => total + value, 0);
  const twice = accepted.length - new Set(accepted).size;
  process.stderr.write(
    `full Redis: ${stored} counts stored, ${refused} batches refused, drained in ${seconds.toFixed(1)} s, ` +
      `${accepted.length} points accepted, ${twice} of them twice\n`,
  );
  expect({ sum, twice, ledger: await checkLedger(store, stored) }).toEqual({
    sum: stored,
    twice: 0,
    ledger: [],
  });
});

/** Stores counts of 1, each with a distinct tag, until the server has refused all for a while. */
async function fill(store: RedisStore): Promise<{ readonly stored: number; readonly refused: number }> {
  let stored = 0;
  let refused = 0;
  for (let lastStored = performance.now(); performance.now() - lastStored < FULL_MS; ) {
    const timestamp = Date.now() / 1_000;
    const records = Array.from({ length: BATCH }, () => {
      const id = randomUUID();
      const value = { metric: "work.done", type: "count", value: 1, timestamp, tags: { id } };
      return { score: timestamp, id, value: JSON.stringify(value) };
    });
    const error = await store.append(queues.rawMetrics, records).catch((error: Error) => error);
    if (error === undefined) {
      stored += BATCH;
      lastStored = performance.now();
    } else {
      expect(error.message).toContain("OOM");
      refused += 1;
    }
    await sleep(PAUSE_MS);
  }
  return { stored, refused };
}

async function waiting(store: RedisStore): Promise<number> {
  const sizes = await Promise.all(
    [queues.rawMetrics, queues.readyMetrics, queues.rejected].map((queue) => store.size(queue)),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
