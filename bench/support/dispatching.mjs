/**
 * The agent's path from the ready queue to the wire: its dispatcher with its batches, its outputs with encoding,
 * compression and splitting, over HTTP. With a store in memory and a clock that the measurement sets.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const HOST = "device-1";
/** The agent's defaults: METRICS_BULK_SIZE, LOGS_BULK_SIZE. */
const BATCH_SIZES = { metrics: 10_000, logs: 500 };
/** A release and two windows with their grace, as in the agent. */
const FRESH_SECONDS = 82;
const KEPT_FOREVER_SECONDS = 1e9;

/**
 * @param {import("../suite/measurement.mjs").Tree} tree
 * @param {"metrics" | "logs"} what
 * @param {{
 *   url: string, connection?: object, precision?: number, seriesVersion?: "v2" | "v3",
 *   resolutions?: readonly { readonly age: number, readonly step: number }[],
 * }} options  url: of the intake; resolutions: BACKLOG_RESOLUTION, of metrics
 * @returns {Promise<{ release: (at: number, records: readonly any[]) => Promise<number>, close: () => Promise<void> }>}
 *   a release answers with the bytes of its bodies
 */
export async function startDispatching(
  { root },
  what,
  { url, connection = {}, precision, seriesVersion = "v2", resolutions },
) {
  const { datadogMetrics, datadogLogs, Dispatcher, SentBytes, HttpSender, fixedKey, MemoryStore, codec } =
    await load(root);
  const access = {
    apiUrl: `${url}/api`,
    key: fixedKey("bench"),
    sender: new HttpSender(connection),
    // By both names, for trees before and after the name was read with every request.
    host: HOST,
    hostName: () => HOST,
    globalTags: [],
  };
  const output =
    what === "metrics"
      ? datadogMetrics({ ...access, seriesVersion, precision })
      : datadogLogs({ ...access, logsUrl: `${url}/api/v2/logs` });
  const store = new MemoryStore();
  let now = 0;
  const clock = { now: () => now, monotonic: () => now, sleep: async () => {} };
  const queue = "ready";
  const dispatcher = new Dispatcher({
    ...{ store, queue, output, clock, rejectedQueue: "rejected", sendPolicy: () => true },
    // Its name in earlier revisions, for --against.
    admission: () => true,
    decode: what === "metrics" ? codec.decodeReadyMetric : codec.decodeLog,
    sentBytes: new SentBytes(store, clock),
    batchSize: BATCH_SIZES[what],
    ttl: KEPT_FOREVER_SECONDS,
    fresh: FRESH_SECONDS,
  });
  const thin = resolutions && (await thinner(root, store, queue, resolutions));
  let ids = 0;
  return {
    release: async (at, records) => {
      now = at * 1000;
      const waiting = records.map((record) => ({
        score: record.points?.[0][0] ?? Date.parse(record.date) / 1000,
        // As collectors' records have them.
        id: `collect.0.${`${++ids}`.padStart(9, "0")}`,
        value: JSON.stringify(record),
      }));
      await store.append(queue, waiting);
      await thin?.(at);
      const pending = await store.size(queue);
      const { delivered, bytes, failure } = await dispatcher.dispatch();
      if (delivered !== pending) {
        throw new Error(`${delivered} of ${pending} records were delivered: ${failure?.reason}`);
      }
      return bytes;
    },
    close: () => output.close(),
  };
}

/** Thins the queue until there is nothing to thin. */
async function thinner(root, store, queue, resolutions) {
  const from = (path) => import(pathToFileURL(join(root, "packages/agent/dist", path)).href);
  const [{ BacklogThinner }, { WindowStates }, { AttemptedTimes }, { Windows }] = await Promise.all([
    from("flush/backlog-thinner.js"),
    from("flush/window-state.js"),
    from("runtime/attempted-times.js"),
    from("runtime/windows.js"),
  ]);
  const thinning = new BacklogThinner({
    ...{ store, queue, resolutions, attempted: new AttemptedTimes() },
    states: new WindowStates(store, "raw", new Windows(10, 2)),
    whileUnused: (step) => step(),
  });
  return async (at) => {
    for (let before = -1; before !== (await store.size(queue)); ) {
      before = await store.size(queue);
      await thinning.thin(at);
    }
  };
}

async function load(root) {
  const from = (path) => import(pathToFileURL(join(root, "packages", path)).href);
  const [metrics, logs, dispatcher, sentBytes, http, key, memory, codec] = await Promise.all([
    from("agent/dist/outputs/datadog-metrics.js"),
    from("agent/dist/outputs/datadog-logs.js"),
    from("agent/dist/dispatch/dispatcher.js"),
    from("agent/dist/dispatch/sent-bytes.js"),
    from("agent/dist/outputs/http.js"),
    from("agent/dist/outputs/api-key.js"),
    from("queue/dist/memory/memory-store.js"),
    from("record/dist/index.js"),
  ]);
  return { ...metrics, ...logs, ...dispatcher, ...sentBytes, ...http, ...key, ...memory, codec };
}
