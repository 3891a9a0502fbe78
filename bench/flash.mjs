// Bytes written to disk per stored record by the embedded store, beside a redis-server and a bare journal that flush once a
// second, and what a program that stores one record at a time gets.
// Arguments: a folder on a real file system (tmpfs writes nothing); seconds a case, 120 unless given.
// Build first. Linux only: it reads write_bytes of /proc/PID/io, which counts whole pages, for each page that is written.
import { spawn } from "node:child_process";
import { fdatasync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openEmbeddedStore } from "@chouette-iot/queue/embedded";
import { connectTo } from "./support/driver.mjs";

const [folder = ".", length = "120"] = process.argv.slice(2);
const QUEUE = "chouette:metrics:raw";
/** Records a second; a window of them is settled every ten. */
const RATES = [1, 20, 200];
const WINDOW_S = 10;
const CALLS = 1_000;

const written = (pid) => Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1]);
let last = 0;
const record = () => ({
  score: Date.now() / 1000,
  id: crypto.randomUUID(),
  value: JSON.stringify({ metric: "a.metric", type: "count", value: ++last }).padEnd(130),
});

/** One at a time, as evenly as can be; every ten seconds the window that is over leaves. */
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

async function redis(fsync) {
  const directory = mkdtempSync(join(folder, "flash-"));
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  const options = ["--port", `${port}`, "--dir", directory, "--save", "", "--appendonly", "yes"];
  const server = spawn("redis-server", [...options, "--appendfsync", fsync], { stdio: "ignore" });
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
for (const rate of RATES) {
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

console.log("\none record at a time, the next after the answer | records/s | bytes a record");
for (const [name, open] of Object.entries({
  ...WAYS,
  "embedded always": () => embedded("always"),
  "redis always": () => redis("always"),
})) {
  const way = await open();
  const before = written(way.pid);
  const began = performance.now();
  for (let call = 0; call < CALLS; call++) await way.store(record());
  const rate = Math.round((CALLS * 1000) / (performance.now() - began));
  await sleep(1_500);
  console.log([name, rate, Math.round((written(way.pid) - before) / CALLS)].join(" | "));
  await way.close();
}
process.exit();
