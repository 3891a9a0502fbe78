/**
 * How long a program's event loop is blocked while it starts with a metrics client, from `import` until the first record is
 * delivered: `node bench/measurements/client/start.mjs [rounds]`, after `npm run build`. Needs redis-server.
 *
 * Each sample is a fresh process. The clients take turns, so that a busy machine is as busy for all of them.
 */
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median } from "../../suite/statistics.mjs";
import { startRedis } from "../../support/redis.mjs";

const OURS = new URL("../../../packages/client/dist/index.js", import.meta.url).href;
/**
 * The first steps of a program with each client. @type {Readonly<Record<string, (port: number) => Promise<unknown>>>}
 */
const CLIENTS = {
  "chouette-iot-client": async (port) => {
    const { ChouetteClient } = await import(OURS);
    const client = new ChouetteClient({ port });
    client.increment("m");
    return await client.flush();
  },
  "hot-shots": async (port) => {
    const { default: StatsD } = await import("hot-shots");
    return await new Promise((resolve) => new StatsD({ port }).increment("m", 1, resolve));
  },
  "prom-client": async () => {
    const { default: prom } = await import("prom-client");
    new prom.Counter({ name: "m", help: "m" }).inc();
    return await prom.register.metrics();
  },
};

const [first, port] = process.argv.slice(2);
if (first !== undefined && first in CLIENTS) await sample(first, Number(port));
else await compare(Number(first ?? 10));

async function sample(client, port) {
  let longest = 0;
  let last = performance.now();
  const turn = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    setImmediate(turn);
  };
  turn();
  const begun = performance.now();
  await CLIENTS[client](port);
  const took = performance.now() - begun;
  // Later work in the background blocks the program as well.
  await new Promise((resolve) => setTimeout(resolve, 100));
  process.stdout.write(JSON.stringify({ blocked: longest, took }));
  process.exit();
}

async function compare(rounds) {
  const folder = mkdtempSync(join(tmpdir(), "chouette-start-"));
  const redis = await startRedis(folder);
  const statsd = createSocket("udp4").bind(0, "127.0.0.1");
  await new Promise((resolve) => statsd.once("listening", resolve));
  /** @type {Record<string, { blocked: number, took: number }[]>} */
  const samples = Object.fromEntries(Object.keys(CLIENTS).map((client) => [client, []]));
  for (let round = 0; round < rounds; round++) {
    for (const client of Object.keys(CLIENTS)) {
      const to = client === "hot-shots" ? statsd.address().port : redis.port;
      const script = fileURLToPath(import.meta.url);
      samples[client].push(JSON.parse(`${execFileSync(process.execPath, [script, client, `${to}`])}`));
    }
  }
  statsd.close();
  await redis.stop();
  rmSync(folder, { recursive: true });
  for (const [client, taken] of Object.entries(samples)) {
    const of = (field) => median(taken.map((sample) => sample[field])).toFixed(1);
    process.stdout.write(
      `${client}: event loop blocked for ${of("blocked")} ms, delivered after ${of("took")} ms\n`,
    );
  }
}
