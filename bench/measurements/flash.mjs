// Bytes written to disk per stored record by the embedded store, beside a redis-server and a bare journal that flush once a
// second, and what a program that stores one record at a time gets.
// Arguments: a folder on a real file system (tmpfs writes nothing); seconds a case, 120 unless given; "calls" for the
// synchronous program alone.
// Build first. Linux only: it reads write_bytes of /proc/PID/io, which counts whole pages, for each page that is written.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { fdatasync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { openEmbeddedStore } from "@chouette-iot/queue/embedded";
import { connectTo } from "../support/driver.mjs";
import { freePort } from "../support/server.mjs";
import { until } from "../support/until.mjs";

const [folder = ".", length = "120", only = ""] = process.argv.slice(2);
const QUEUE = "chouette:metrics:raw";
/** Records per second; every ten seconds a window of them is settled. */
const RATES = [1, 20, 200];
const WINDOW_S = 10;
const CALLS = 3_000;
/** For the synchronous program, which other load disturbs most. */
const ROUNDS = 3;

const written = (pid) => Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1]);
let last = 0;
const record = () => ({
  score: Date.now() / 1000,
  id: crypto.randomUUID(),
  value: JSON.stringify({ metric: "a.metric", type: "count", value: ++last }).padEnd(130),
});

/** One at a time, evenly spaced; every ten seconds the closed window is removed. */
async function paced(rate, { store, settle }) {
  const count = Number(length) * rate;
  const began = performance.now();
  let waiting = [];
  let windowEnds = began + WINDOW_S * 1000;
  for (let sent = 1; sent <= count; sent++) {
    const one = record();
    await store(one);
    waiting.push(one);
    if (performance.now() > windowEnds) {
      await settle(waiting);
      waiting = [];
      windowEnds += WINDOW_S * 1000;
    }
    await sleep(Math.max(0, began + (sent * 1000) / rate - performance.now()));
  }
  await sleep(1_500);
  return count;
}

async function embedded(fsync) {
  const directory = mkdtempSync(join(folder, "flash-"));
  const { store } = await openEmbeddedStore({ folder: directory, fsync });
  await store.append(QUEUE, [record()]);
  await sleep(1_200);
  return {
    pid: process.pid,
    store: (one) => store.append(QUEUE, [one]),
    settle: (records) =>
      store.settle({ remove: [{ queue: QUEUE, records }], count: new Map([["done", records.length]]) }),
    close: async () => {
      await store.close();
      rmSync(directory, { recursive: true });
    },
  };
}

function redisOptions(port, directory) {
  return ["--port", `${port}`, "--dir", directory, "--save", "", "--appendonly", "yes"];
}

/** It only stores: its windows stay open for longer than the measurement. */
function agentSettings(port, directory, fsync) {
  return {
    CHOUETTE_LISTEN: `127.0.0.1:${port}`,
    CHOUETTE_DATA_DIR: directory,
    CHOUETTE_FSYNC: fsync,
    CHOUETTE_HTTP: "off",
    CHOUETTE_OUTPUT: "stdout",
    AGGREGATE_INTERVAL: "3600",
  };
}

async function redis(fsync) {
  const directory = mkdtempSync(join(folder, "flash-"));
  const port = await freePort();
  const server = spawn("redis-server", [...redisOptions(port, directory), "--appendfsync", fsync], {
    stdio: "ignore",
  });
  await sleep(1_000);
  const driver = await connectTo(port);
  const ids = (records) => records.map(({ id }) => id);
  return {
    pid: server.pid,
    store: ({ score, id, value }) =>
      driver
        .multi()
        .addCommand(["ZADD", `${QUEUE}.keys`, `${score}`, id])
        .addCommand(["HSET", `${QUEUE}.values`, id, value])
        .exec(),
    settle: (records) =>
      driver
        .multi()
        .addCommand(["ZREM", `${QUEUE}.keys`, ...ids(records)])
        .addCommand(["HDEL", `${QUEUE}.values`, ...ids(records)])
        .addCommand(["HINCRBY", "counters", "done", `${records.length}`])
        .exec(),
    close: async () => {
      driver.destroy();
      server.kill();
      await new Promise((resolve) => server.once("exit", resolve));
      rmSync(directory, { recursive: true });
    },
  };
}

async function bareJournal() {
  const directory = mkdtempSync(join(folder, "flash-"));
  const file = openSync(join(directory, "journal"), "w");
  const timer = setInterval(() => fdatasync(file, () => {}), 1_000);
  return {
    pid: process.pid,
    store: async ({ score, id, value }) => writeSync(file, `${score} ${id} ${value}\n`),
    settle: async () => {},
    close: async () => {
      clearInterval(timer);
      rmSync(directory, { recursive: true });
    },
  };
}

const WAYS = {
  "embedded everysec": () => embedded(1_000),
  "redis everysec": () => redis("everysec"),
  "bare journal": bareJournal,
};

console.log("way | records/s | bytes a record | GB a day");
for (const rate of only === "calls" ? [] : RATES) {
  for (const [name, open] of Object.entries(WAYS)) {
    const way = await open();
    const before = written(way.pid);
    const stored = await paced(rate, way);
    const bytes = written(way.pid) - before;
    await way.close();
    const aDay = (bytes / Number(length)) * 86_400;
    console.log([name, rate, Math.round(bytes / stored), (aDay / 1e9).toFixed(2)].join(" | "));
  }
}

/** Runs the Python program twice against a broker in a separate process, as V8 still compiles during the first run. */
async function bySynchronousProgram(command, args, env, port) {
  const server = spawn(command, args, { stdio: "ignore", env: { ...process.env, ...env } });
  await until("the broker to listen", () => once(connect(port, "127.0.0.1"), "connect"));
  // Excludes what is written once, and what is compiled after the first client has connected.
  await execFileAsync("/usr/bin/python3", [PROGRAM, `${port}`, "300"]);
  await sleep(5_000);
  const runs = [];
  for (const run of ["first", "next"]) {
    const before = written(server.pid);
    const { stdout } = await execFileAsync("/usr/bin/python3", [PROGRAM, `${port}`, `${CALLS}`]);
    await sleep(1_500);
    const bytes = Math.round((written(server.pid) - before) / CALLS);
    runs.push({ run, ...JSON.parse(stdout), bytes });
  }
  server.kill("SIGKILL");
  await new Promise((resolve) => server.once("exit", resolve));
  return runs;
}

const AGENT = fileURLToPath(new URL("../../packages/agent/bin/chouette.js", import.meta.url));
const PROGRAM = fileURLToPath(new URL("../subjects/synchronous.py", import.meta.url));
const execFileAsync = promisify(execFile);

console.log(
  "\na synchronous Python program, its first or next calls | calls/s | p50 ms | p99 ms | bytes a record",
);
for (let round = 0; round < ROUNDS; round++) {
  for (const fsync of ["everysec", "always"]) {
    for (const broker of ["redis", "embedded"]) {
      const directory = mkdtempSync(join(folder, "flash-"));
      const port = await freePort();
      const [command, args, env] =
        broker === "redis"
          ? ["redis-server", [...redisOptions(port, directory), "--appendfsync", fsync], {}]
          : [process.execPath, [AGENT, "agent"], agentSettings(port, directory, fsync)];
      for (const { run, rate, p50, p99, bytes } of await bySynchronousProgram(command, args, env, port)) {
        console.log([`${broker} ${fsync}, ${run}`, rate, p50, p99, bytes].join(" | "));
      }
      rmSync(directory, { recursive: true });
    }
  }
}
process.exit();
