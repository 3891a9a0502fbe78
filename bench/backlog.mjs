/**
 * How fast the agent works through a backlog of raw records, and in how much memory.
 *
 *   node bench/backlog.mjs [--broker redis|embedded] [--records 1000000] [--contexts 100]
 *
 * Fills the broker, starts the agent as a process of its own, and measures from its start to the raw queue's end.
 * The records are 2,000 a second of device time, of counts, gauges and histograms with two tags, interleaved.
 * Checks that every count has arrived at a stand-in for Datadog. Prints JSON.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { LmdbStore } from "@chouette-iot/queue/lmdb";
import { RedisStore } from "@chouette-iot/queue/redis";
import { startIntake } from "../packages/agent/dist/intake/intake.js";

const { values: options } = parseArgs({
  options: {
    broker: { type: "string", default: "redis" },
    records: { type: "string", default: "1000000" },
    contexts: { type: "string", default: "100" },
  },
});
const RECORDS = Number(options.records);
const CONTEXTS = Number(options.contexts);
const RAW = "chouette:metrics:raw";
const READY = "chouette:metrics:wrapped";
const BATCH = 1_000;
const RECORDS_A_SECOND = 2_000;
const TYPES = ["count", "gauge", "histogram", "count"];

const folder = mkdtempSync(join(tmpdir(), "chouette-bench-"));
const intake = await startIntake({});
const broker = options.broker === "redis" ? await startRedis() : embedded();
try {
  const store = await broker.open();
  const counted = await fill(store);
  const result = await measure(store);
  const counts = intake.points().filter(({ metric, type }) => type === "count" && metric.startsWith("my."));
  const arrived = counts.reduce((sum, { value }) => sum + value, 0);
  if (arrived !== counted) throw new Error(`${arrived} arrived of ${counted} counted`);
  process.stdout.write(
    `${JSON.stringify({ broker: options.broker, records: RECORDS, contexts: CONTEXTS, ...result })}\n`,
  );
} finally {
  await broker.stop();
  await intake.close();
  rmSync(folder, { recursive: true, force: true });
}

/** The sum of all counts. */
async function fill(store) {
  const start = Date.now() / 1000 - RECORDS / RECORDS_A_SECOND - 60;
  let counted = 0;
  for (let first = 0; first < RECORDS; first += BATCH) {
    const records = [];
    for (let n = first; n < Math.min(first + BATCH, RECORDS); n++) {
      const context = n % CONTEXTS;
      const type = TYPES[context % TYPES.length];
      const value = n % 7;
      if (type === "count") counted += value;
      const score = start + n / RECORDS_A_SECOND;
      const tags = `{"zone":"z${context}","host":"a"}`;
      const text = `{"metric":"my.metric.${context % 10}","type":"${type}","value":${value},"timestamp":${score},"tags":${tags}}`;
      records.push({ id: `bench-process-${n.toString(36)}`, score, value: text });
    }
    await store.append(RAW, records);
  }
  return counted;
}

async function measure(store) {
  const { isEmpty } = await broker.handOver(store);
  const started = performance.now();
  const agent = spawn(
    process.execPath,
    [fileURLToPath(new URL("../packages/agent/bin/chouette.js", import.meta.url)), "agent"],
    {
      env: {
        ...process.env,
        API_KEY: "bench",
        DATADOG_URL: `${intake.url}/api`,
        // Often enough for a short run; by default it is 60 s.
        RELEASE_INTERVAL: "15",
        LOG_LEVEL: "warn",
        ...broker.settings,
      },
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  const ended = new Promise((resolve) => agent.once("close", resolve));
  await until(() => isEmpty(RAW));
  const seconds = (performance.now() - started) / 1000;
  await until(() => isEmpty(READY));
  const usage = memoryOf(agent.pid);
  const cpu = cpuSecondsOf(agent.pid);
  agent.kill("SIGTERM");
  await ended;
  return {
    seconds: Number(seconds.toFixed(2)),
    recordsPerSecond: Math.round(RECORDS / seconds),
    agentCpuSeconds: cpu,
    agentPeakRssMb: usage.peak,
    agentAnonymousRssMb: usage.anonymous,
  };
}

async function startRedis() {
  const port = await freePort();
  const server = spawn(
    "redis-server",
    ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--dir", folder],
    {
      stdio: "ignore",
    },
  );
  let handedOver;
  return {
    settings: { REDIS_URL: `redis://127.0.0.1:${port}` },
    open: async () => {
      const store = new RedisStore({ port });
      await until(() => store.size(RAW).then(() => true));
      return store;
    },
    handOver: async (store) => {
      handedOver = store;
      return { isEmpty: async (queue) => (await store.size(queue)) === 0 };
    },
    stop: async () => {
      await handedOver?.close();
      server.kill("SIGKILL");
    },
  };
}

/** Its file belongs to one process at a time: it is filled first, then looked at through the agent's own port. */
function embedded() {
  let port;
  let looking;
  return {
    get settings() {
      return {
        CHOUETTE_DATA_DIR: folder,
        CHOUETTE_LISTEN: `127.0.0.1:${port}`,
        CHOUETTE_STORAGE_TYPE: "embedded",
      };
    },
    open: async () => new LmdbStore({ directory: folder }),
    handOver: async (store) => {
      await store.close();
      port = await freePort();
      looking = new RedisStore({ port });
      return { isEmpty: async (queue) => (await looking.size(queue)) === 0 };
    },
    stop: async () => looking?.close(),
  };
}

function memoryOf(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const megabytes = (name) => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1]) / 1024);
  return { peak: megabytes("VmHWM"), anonymous: megabytes("RssAnon") };
}

function cpuSecondsOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  // User and system time, in ticks of 10 ms.
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function until(condition) {
  for (;;) {
    if (await condition().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
