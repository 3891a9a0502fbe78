/**
 * CPU time of a distribution's sample until it has arrived, for our client and for datadog-metrics: `node
 * bench/measurements/client/distribution.mjs [rounds]`, after `npm run build`. Needs redis-server.
 *
 * Each figure is a fresh process: 20,000 samples of 10 contexts with two tags, then a flush, ten times after a warm-up.
 * Ours arrive in a redis-server; datadog-metrics' in a reporter, without the HTTP request that it would make. The
 * processes take turns, so that a busy machine is as busy for all of them: only the ratio counts.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { summary } from "../../suite/statistics.mjs";
import { startRedis } from "../../support/redis.mjs";

const OURS = new URL("../../../packages/client/dist/index.js", import.meta.url).href;
const NAME = "http.request.duration";
const CONTEXTS = 10;
const SAMPLES = 20_000;
const BURST = 500;
const FLUSHES = { warmUp: 5, measured: 10 };

const CLIENTS = {
  "chouette-iot-client, distribution": (port) => ours(port, "distribution"),
  "chouette-iot-client, histogram": (port) => ours(port, "histogram"),
  "datadog-metrics, distribution": () => datadogMetrics("distribution"),
  "datadog-metrics, histogram": () => datadogMetrics("histogram"),
};

const [first, port] = process.argv.slice(2);
if (first !== undefined && first in CLIENTS) await measure(await CLIENTS[first](Number(port)));
else await compare(Number(first ?? 5));

async function ours(port, kind) {
  const { ChouetteClient } = await import(OURS);
  const client = new ChouetteClient({ port });
  return {
    call: (route, value) => client[kind](NAME, value, { tags: { route: `r${route}`, method: "GET" } }),
    breathe: async (answer) => {
      if (client.stats().buffered > 2_000) await answer;
    },
    flush: async () => {
      if (!(await client.flush({ timeoutMs: 60_000 }))) throw new Error("the client could not flush");
    },
  };
}

async function datadogMetrics(kind) {
  const { default: library } = await import("datadog-metrics");
  const reported = [];
  const logger = new library.BufferedMetricsLogger({
    reporter: { report: async (series) => void reported.push(...series) },
    flushIntervalSeconds: 0,
  });
  return {
    call: (route, value) => logger[kind](NAME, value, [`route:r${route}`, "method:GET"]),
    breathe: async () => {},
    flush: async () => {
      await logger.flush();
      if (reported.splice(0).length === 0) throw new Error("nothing was reported");
    },
  };
}

async function measure({ call, breathe, flush }) {
  const run = async () => {
    for (let called = 0; called < SAMPLES; ) {
      let answer;
      for (const end = called + BURST; called < end; called++)
        answer = call(called % CONTEXTS, (called % 997) / 100);
      await breathe(answer);
      await nextTurn();
    }
    await flush();
  };
  for (let flushes = FLUSHES.warmUp; flushes > 0; flushes--) await run();
  const before = process.cpuUsage();
  for (let flushes = FLUSHES.measured; flushes > 0; flushes--) await run();
  const { user, system } = process.cpuUsage(before);
  process.stdout.write(`${((user + system) * 1000) / (SAMPLES * FLUSHES.measured)}`);
  process.exit();
}

async function compare(rounds) {
  const folder = mkdtempSync(join(tmpdir(), "chouette-distribution-"));
  const redis = await startRedis(folder);
  /** @type {Record<string, number[]>} */
  const taken = Object.fromEntries(Object.keys(CLIENTS).map((client) => [client, []]));
  const script = fileURLToPath(import.meta.url);
  for (let round = 0; round < rounds; round++) {
    for (const client of Object.keys(CLIENTS))
      taken[client].push(Number(execFileSync(process.execPath, [script, client, `${redis.port}`])));
  }
  await redis.stop();
  rmSync(folder, { recursive: true });
  for (const [client, figures] of Object.entries(taken)) {
    const { min, median } = summary(figures);
    process.stdout.write(`${client}: ${Math.round(min)} ns at best, ${Math.round(median)} ns median\n`);
  }
}
