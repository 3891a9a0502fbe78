/**
 * A gateway as a process: the agent's broker, store, dispatcher and Datadog output, with the heap's limits of the agent. It
 * sends when it is asked to, at the virtual time that it is given.
 */
import "../../../packages/agent/bin/small-heap.js";
import { startBroker } from "../../../packages/agent/dist/ingest/redis-protocol/listener.js";
import { openDatadog } from "../../../packages/agent/dist/outputs/open-outputs.js";
import { WireMeter } from "../../../packages/agent/dist/outputs/wire-meter.js";
import { openEmbeddedStore } from "../../../packages/queue/dist/embedded/open-embedded-store.js";
import { RedisStore } from "../../../packages/queue/dist/redis/redis-store.js";
import { answer } from "../../suite/child.mjs";
import { until } from "../../support/until.mjs";
import { metricsDispatcher } from "./device.mjs";

const FSYNC_MS = 1_000;
const MAX_CONNECTIONS = 10_000;
const log = { debug() {}, info() {}, warn() {}, error() {} };

let now = 0;
const clock = /** @type {any} */ ({
  now: () => now,
  monotonic: () => now,
  sleep: () => Promise.reject(new Error("a gateway's process doesn't wait")),
});
let dispatcher;

answer({
  open: async ({ redisPort, folder, apiUrl, seriesVersion }) => {
    const { store, port } = redisPort === undefined ? await openOwn(folder) : await openRedis(redisPort);
    const outputs = await openDatadog({
      ...{ apiUrl, logsUrl: apiUrl, apiKey: "any", apiKeyFile: undefined, caFile: undefined },
      ...{ hostName: () => "gateway", seriesVersion, precision: undefined, wireMeter: new WireMeter() },
      proxies: { http: undefined, https: undefined, except: undefined },
    });
    dispatcher = metricsDispatcher({ store, clock, output: outputs.metrics });
    return { port };
  },
  /** Sends everything that waits. */
  dispatch: async (time) => {
    now = time;
    const { failure, ...dispatched } = await dispatcher.dispatch();
    if (failure !== undefined || dispatched.rejected + dispatched.expired > 0)
      throw new Error(`not everything was sent: ${JSON.stringify({ failure, ...dispatched })}`);
    return dispatched;
  },
});

async function openOwn(folder) {
  const { store } = await openEmbeddedStore({ folder, fsync: FSYNC_MS });
  const broker = await startBroker({
    ...{ store, log, host: "127.0.0.1", port: 0, maxConnections: MAX_CONNECTIONS },
  });
  return { store, port: broker.address.port };
}

async function openRedis(port) {
  const store = new RedisStore({ port });
  await until("Redis", async () => (await store.size("any")) === 0);
  return { store, port };
}
