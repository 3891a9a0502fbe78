/**
 * 10,000 devices and five gateways, simulated, after a build:
 * `node --max-semi-space-size=64 bench/measurements/scale.mjs [--quick] [--plots FOLDER]`; the flag saves time.
 * Prints Markdown tables, which docs/SCALE.md has, and writes two plots. `--quick` shows in a few seconds that it works.
 *
 * A device is the agent's own dispatcher, dispatch loop, backoff and gateway output, on virtual time, with seeded records of a
 * host collector. A gateway is a process with the agent's broker, store, dispatcher and Datadog output, or Redis and the
 * latter two. Each device has its connection; records are stored, encoded, compressed and posted to a stand-in that only
 * counts bytes. Of devices with an outage, most have records that are only counted. Times come from a model with measured
 * costs, so they don't depend on what else this machine does.
 * Expects redis-server on PATH.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { svg } from "../suite/plot.mjs";
import { portOf } from "../support/server.mjs";
import { Source } from "../workloads/source.mjs";
import { measureCosts } from "./scale/costs.mjs";
import { startProcesses } from "./scale/gateway.mjs";
import { simulateOutage } from "./scale/outage.mjs";
import { costsTable, normalTable, outageTable, plots, stampedeTable } from "./scale/report.mjs";
import { CASES, stampede } from "./scale/stampede.mjs";

const SEED = 16;

const { values } = parseArgs({
  options: { quick: { type: "boolean", default: false }, plots: { type: "string", default: "docs/images" } },
});
const { quick } = values;
const devicesEach = quick ? 30 : 2_000;
const plan = {
  minutes: 1,
  outageMinutes: quick ? 5 : 60,
  costDevices: quick ? 2 : 8,
  stampedeDevices: quick ? 100 : 1_000,
};

const say = (text) => {
  const { user, system } = process.cpuUsage();
  const [wall, cpu] = [performance.now() / 1_000, (user + system) / 1e6];
  process.stderr.write(`${Math.round(wall)} s, CPU of this process ${Math.round(cpu)} s: ${text}\n`);
};
const source = new Source(SEED);
const random = () => source.uniform();
Math.random = random;

const folder = await mkdtemp(join(tmpdir(), "chouette-scale-"));
const sink = createServer((request, response) => {
  request
    .resume()
    .on("end", () => response.writeHead(202, { "content-type": "application/json" }).end('{"errors":[]}'));
});
await new Promise((resolve) => sink.listen(0, "127.0.0.1", () => resolve(undefined)));
const apiUrl = `http://127.0.0.1:${portOf(sink)}/api`;

try {
  const costs = new Map();
  for (const [broker, series] of /** @type {const} */ ([
    ["embedded", "v2"],
    ["embedded", "v3"],
    ["redis", "v3"],
  ])) {
    say(`costs with ${broker}, ${series}`);
    const processes = await startProcesses({ broker, series }, folder, apiUrl);
    costs.set(`${broker} ${series}`, await measureCosts(processes, plan.costDevices));
    await processes.end();
  }
  const gateway = (name, broker, series, hasOutage) => ({
    ...{ name, broker, series, hasOutage, devices: devicesEach },
    costs: costs.get(`${broker} ${series}`).costs,
  });
  const gateways = [
    gateway("1", "embedded", "v2", false),
    gateway("2", "embedded", "v3", false),
    gateway("3", "embedded", "v3", true),
    gateway("4", "redis", "v3", false),
    gateway("5", "redis", "v3", true),
  ];
  const { normal, outages } = await simulateOutage({ ...plan, gateways, random }, folder, apiUrl, say);
  const stampedes = [];
  for (const one of CASES) {
    say(one.title);
    const run = (hasJitter) =>
      stampede(one, {
        ...{ devices: plan.stampedeDevices, costs: costs.get("embedded v3").costs, random, hasJitter },
      });
    stampedes.push({
      ...one,
      isOutage: one.outage !== undefined,
      jitter: await run(true),
      none: await run(false),
    });
  }
  console.log(
    [costsTable(costs), normalTable(normal), outageTable(outages), stampedeTable(stampedes)].join("\n\n"),
  );
  mkdirSync(values.plots, { recursive: true });
  if (!quick)
    for (const plot of plots(outages, stampedes)) writeFileSync(join(values.plots, plot.file), svg(plot));
} finally {
  sink.closeAllConnections();
  sink.close();
  await rm(folder, { recursive: true, force: true });
}
say("done");
// Devices whose simulation has ended still wait.
process.exit();
