/**
 * The bytes of a host's minute through a gateway: `node bench/measurements/gateway.mjs [HOSTS [MINUTES]]`, after a
 * build. Prints a line of JSON.
 *
 * Each host's release goes through the gateway's output to an embedded broker, and from there to a stand-in for Datadog
 * in one release for all hosts: once with series v2 only, once with the smallest including v3. For comparison, each
 * host's own requests. The hosts are those of bench/workloads: 48 points a minute. Bytes of bodies and of commands,
 * without headers and TLS.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBroker } from "../../packages/agent/dist/ingest/redis-protocol/listener.js";
import { startIntake } from "../../packages/agent/dist/intake/intake.js";
import { openGateway } from "../../packages/agent/dist/outputs/gateway.js";
import { openDatadog } from "../../packages/agent/dist/outputs/open-outputs.js";
import { WireMeter } from "../../packages/agent/dist/outputs/wire-meter.js";
import { openEmbeddedStore } from "../../packages/queue/dist/embedded/open-embedded-store.js";
import { parseAddress } from "../../packages/queue/dist/resp/address.js";
import { decodeReadyMetric } from "../../packages/record/dist/index.js";
import { hostOfADay } from "../workloads/host.mjs";

const QUEUE = "chouette:metrics:wrapped";
const [hosts = 10, minutes = 10] = process.argv.slice(2).map(Number);
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

const folder = await mkdtemp(join(tmpdir(), "chouette-"));
const { store } = await openEmbeddedStore({ folder, fsync: 1_000 });
const broker = await startBroker({ store, host: "127.0.0.1", port: 0, log: quiet });
const intake = await startIntake();
const datadog = (seriesVersion, hostName) =>
  openDatadog({
    apiUrl: `${intake.url}/api`,
    logsUrl: intake.url,
    apiKey: "any",
    apiKeyFile: undefined,
    caFile: undefined,
    hostName: () => hostName,
    seriesVersion,
    precision: undefined,
    proxies: { http: undefined, https: undefined, except: undefined },
    wireMeter: new WireMeter(),
  });
const versions = { v2: await datadog("v2", "gateway"), v3: await datadog("v3", "gateway") };
const workloads = Array.from({ length: hosts }, (_, index) => hostOfADay(index + 1, minutes / 60).releases);
const devices = await Promise.all(
  workloads.map(async (releases, index) => ({
    releases,
    direct: await datadog("v2", `device-${index}`),
    gateway: openGateway({
      address: parseAddress(`redis://127.0.0.1:${broker.address.port}`),
      hostName: () => `device-${index}`,
    }),
  })),
);

const bytes = { direct: 0, toGateway: 0, v2: 0, v3: 0 };
const add = (name, outcome) => {
  if (outcome.kind !== "delivered") throw new Error(`${name}: ${JSON.stringify(outcome)}`);
  bytes[name] += outcome.bytes;
};

for (let minute = 0; minute < minutes; minute++) {
  for (const [index, { releases, direct, gateway }] of devices.entries()) {
    const { records } = releases[minute];
    const sender = `bench${String(index).padStart(3, "0")}`;
    if (minute === 0) await gateway.metrics.resume?.(sender);
    const places = records.map(({ points }, at) => ({
      score: points[0][0],
      id: `collect.0a1b2c3d.${minute * 48 + at}`,
    }));
    add("toGateway", await gateway.metrics.send(records, undefined, places));
    add("direct", await direct.metrics.send(records));
  }
  const stored = await store.read(QUEUE, { limit: 100_000 });
  const batch = stored.flatMap(({ value = "" }) => {
    const decoded = decodeReadyMetric(value);
    return decoded.ok ? [decoded.value] : [];
  });
  for (const [version, outputs] of Object.entries(versions)) add(version, await outputs.metrics.send(batch));
  await store.settle({ remove: [{ queue: QUEUE, records: stored }] });
}

for (const { direct, gateway } of devices) {
  await direct.metrics.close();
  await gateway.metrics.close();
}
for (const outputs of Object.values(versions)) await outputs.metrics.close();
await intake.close();
await broker.close();
await store.close();
await rm(folder, { recursive: true });

const each = (sum) => Math.round(sum / hosts / minutes);
console.log(
  JSON.stringify({
    hosts,
    minutes,
    bytesPerHostMinute: Object.fromEntries(Object.entries(bytes).map(([name, sum]) => [name, each(sum)])),
  }),
);
