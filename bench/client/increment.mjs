/**
 * A tagged increment, beside hot-shots, datadog-metrics and prom-client at their best settings, in one process.
 *
 *   npx tsc -b packages/client && node bench/client/increment.mjs
 *
 * Each contender does ROUNDS rounds in turn, and its best counts, so that the machine's other work hits all alike.
 */
import { createSocket } from "node:dgram";
import { ChouetteClient } from "chouette-iot-client";
import datadogMetrics from "datadog-metrics";
import HotShots from "hot-shots";
import prometheus from "prom-client";

const CALLS = 1_000_000;
const ROUNDS = 7;

const sink = createSocket("udp4");
await new Promise((resolve) => sink.bind(0, "127.0.0.1", resolve));

// No broker: what is measured is the call, as for the others, and a record a second waits in memory.
const client = new ChouetteClient({ port: 1 });
const handle = client.counter("http.requests", { route: "/", method: "GET" });
const hotShots = new HotShots({
  host: "127.0.0.1",
  port: sink.address().port,
  maxBufferSize: 8192,
  bufferFlushInterval: 1000,
  aggregation: true,
  errorHandler: () => {},
});
const datadog = new datadogMetrics.BufferedMetricsLogger({
  apiKey: "none",
  flushIntervalSeconds: 0,
  reporter: { report: () => Promise.resolve() },
});
const counter = new prometheus.Counter({
  name: "http_requests",
  help: "requests",
  labelNames: ["route", "method"],
});

const contenders = {
  "chouette increment, tagged": () =>
    client.increment("http.requests", 1, { tags: { route: "/", method: "GET" } }),
  "chouette counter.inc, bound": () => handle.inc(),
  "hot-shots increment, tagged": () => hotShots.increment("http.requests", 1, { route: "/", method: "GET" }),
  "datadog-metrics increment, tagged": () => datadog.increment("http.requests", 1, ["route:/", "method:GET"]),
  "prom-client inc, labelled": () => counter.inc({ route: "/", method: "GET" }),
};

const best = new Map();
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, call] of Object.entries(contenders)) {
    const calls = name.startsWith("hot-shots") ? CALLS / 10 : CALLS;
    const begun = performance.now();
    for (let index = 0; index < calls; index++) call();
    const rate = calls / (performance.now() - begun) / 1000;
    best.set(name, Math.max(best.get(name) ?? 0, rate));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
for (const [name, rate] of best) console.log(`${name.padEnd(36)} ${rate.toFixed(2).padStart(7)} M/s`);
const ratio = (ours, theirs) => (best.get(ours) / best.get(theirs)).toFixed(2);
console.log(
  `increment / hot-shots        ${ratio("chouette increment, tagged", "hot-shots increment, tagged")}`,
);
console.log(
  `increment / datadog-metrics  ${ratio("chouette increment, tagged", "datadog-metrics increment, tagged")}`,
);
console.log(
  `bound inc / prom-client inc  ${ratio("chouette counter.inc, bound", "prom-client inc, labelled")}`,
);
process.exit();
