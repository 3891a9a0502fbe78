/**
 * Records that aggregation can't join, into a real redis-server: the client, beside a bare loop of variadic MULTI batches
 * on the same driver, in one process and in turns.
 *
 *   npx tsc -b packages/client && node bench/client/records.mjs
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@redis/client";
import { ChouetteClient } from "chouette-iot-client";

const RECORDS = 300_000;
const ROUNDS = 5;
const BATCH = 500;
const IN_FLIGHT = 4;

const port = await new Promise((resolve) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});
const folder = mkdtempSync(join(tmpdir(), "chouette-bench-"));
const redis = spawn("redis-server", ["--port", `${port}`, "--save", "", "--dir", folder], {
  stdio: "ignore",
});
const driver = createClient({ RESP: 2, socket: { port, reconnectStrategy: 50 } }).on("error", () => {});
await driver.connect();

/** Nothing but batches of ready texts: what the driver and the server can do at most. */
async function bareLoop() {
  const value =
    '{"metric":"app.latency","type":"histogram","value":1.5,"timestamp":1763800000.123,"tags":{"route":"/"}}';
  let next = 0;
  const worker = async () => {
    while (next < RECORDS) {
      const keys = ["ZADD", "bare.keys"];
      const values = ["HSET", "bare.values"];
      for (const end = next + BATCH; next < end; next++) {
        const id = `bare${next}`;
        keys.push("1763800000.123", id);
        values.push(id, value);
      }
      await driver.multi().addCommand(keys).addCommand(values).exec();
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

const client = new ChouetteClient({ port });
await client.count("warm", 1, { timestamp: 1 });

async function throughClient() {
  const answers = [];
  for (let call = 0; call < RECORDS; call++) {
    const answer = client.histogram("app.latency", 1.5, { tags: { route: "/" } });
    // A program that lives: it comes back to its event loop, and runs no more than some batches ahead of the broker.
    if (call % BATCH === 0) answers.push(answer);
    if (answers.length > IN_FLIGHT) await answers.shift();
  }
  await client.flush({ timeoutMs: 60_000 });
}

const busy = { "bare loop": [], "the client": [] };
const rates = { "bare loop": [], "the client": [] };
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, work] of [
    ["bare loop", bareLoop],
    ["the client", throughClient],
  ]) {
    await driver.sendCommand(["FLUSHALL"]);
    const begun = performance.now();
    const cpu = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(cpu);
    busy[name].push(RECORDS / ((user + system) / 1e6));
    rates[name].push(RECORDS / ((performance.now() - begun) / 1000));
  }
}
const median = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
for (const [name, all] of Object.entries(rates)) {
  const [wall, cpu] = [median(all), median(busy[name])].map(Math.round);
  console.log(`${name.padEnd(12)} ${wall} records/s, ${cpu} by second of this process' CPU time`);
}
console.log(
  `the client / bare loop  ${(median(rates["the client"]) / median(rates["bare loop"])).toFixed(2)}`,
);
const { accepted, stored, dropped } = client.stats();
console.log(`accepted ${accepted}, stored ${stored}, dropped ${dropped.buffer_full}`);
await client.close();
driver.destroy();
redis.kill();
rmSync(folder, { recursive: true });
