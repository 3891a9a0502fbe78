/**
 * A simulated device: the agent's own dispatcher, dispatch loop with its backoff, and gateway output, on virtual time. Its
 * records come from a {@link CapturedQueue}; its link can be cut. If its records are only counted, they are neither encoded
 * nor sent, and everything else is the same.
 */
import { DispatchLoop } from "../../../packages/agent/dist/dispatch/dispatch-loop.js";
import { Dispatcher } from "../../../packages/agent/dist/dispatch/dispatcher.js";
import { readyDecoder } from "../../../packages/agent/dist/dispatch/ready-decoder.js";
import { SentBytes } from "../../../packages/agent/dist/dispatch/sent-bytes.js";
import { Outage } from "../../../packages/agent/dist/runtime/outage.js";
import { CapturedQueue } from "./captured-queue.mjs";
import { EPOCH } from "./virtual-time.mjs";

export const RELEASE_MS = 60_000;
/** As the agent's default settings give it: a release, a window and its grace, in seconds. */
const FRESH = 72;
const METRIC_TTL = 14_400;
/** METRICS_BULK_SIZE. */
export const BATCH = 10_000;
/** When TCP sends the first packet of a connection again, in ms after the first time, and when the agent gives up. */
const SYN_MS = [0, 1_000, 3_000, 7_000];
const CONNECT_TIMEOUT_MS = 10_000;
/** How long the agent waits for the answer to a batch. */
const ANSWER_TIMEOUT_MS = 30_000;

const log = { debug() {}, info() {}, warn() {}, error() {} };
const COUNTED = /** @type {any} */ ({ ok: true, value: {} });

/** The agent's dispatcher for ready metrics. */
export function metricsDispatcher({ store, output, clock, decode = readyDecoder([]) }) {
  return new Dispatcher({
    ...{ store, output, clock, sentBytes: new SentBytes(store, clock) },
    queue: "chouette:metrics:wrapped",
    rejectedQueue: "chouette:rejected",
    decode,
    sendPolicy: () => /** @type {true} */ (true),
    batchSize: BATCH,
    ttl: /** @type {any} */ (METRIC_TTL),
    fresh: /** @type {any} */ (FRESH),
  });
}

/** The agent's loop: a release every minute, backoff after failures. */
export function dispatchLoop({ name, dispatcher, output, clock }) {
  const outage = (component) => new Outage(component, clock, log);
  return new DispatchLoop({
    ...{ name, dispatcher, output, clock, log },
    releaseInterval: /** @type {any} */ (RELEASE_MS),
    loopOutages: { store: outage("store"), own: outage("dispatch") },
    outputOutage: outage(name),
    whileClockHolds: (step) => step(),
  });
}

/**
 * @param {import("./virtual-time.mjs").VirtualTime} time
 * @param {object} options
 * @param {number} options.seed  also its number
 * @param {number} options.startsAt  of its agent, in ms of virtual time
 * @param {Link} options.link
 * @param {import("./gateway.mjs").Gateway} options.gateway
 * @param {boolean} options.isCounted
 *
 * @typedef {object} Link
 * @property {{ readonly from: number, readonly to: number } | undefined} outage  in ms of virtual time
 * @property {boolean} isRefused  meanwhile: whether the device learns that immediately, or by a timeout
 *
 * @typedef {object} Device
 * @property {CapturedQueue} queue
 * @property {boolean} isCounted
 * @property {number | undefined} freshAt  when its newest records were at the gateway after an outage of the link
 * @property {number | undefined} drainedAt  when all were
 * @returns {Device}
 */
export function startDevice(time, { seed, startsAt, link, gateway, isCounted }) {
  let clock;
  const queue = new CapturedQueue({
    ...{ seed, isCounted },
    // Devices are not in step with each other.
    from: EPOCH / 1_000 + (seed % 30) - 30,
    now: () => clock?.now() ?? EPOCH,
  });
  const device = { queue, isCounted, freshAt: undefined, drainedAt: undefined };
  time.start(startsAt, (own) => {
    clock = own;
    const output = linkedOutput({ clock, link, gateway, device, host: `device-${seed}` });
    const dispatcher = metricsDispatcher({
      ...{ store: /** @type {any} */ (queue), output, clock },
      decode: isCounted ? () => COUNTED : undefined,
    });
    return dispatchLoop({ name: "Gateway", dispatcher, output, clock }).run(new AbortController().signal);
  });
  return device;
}

/** The gateway's output behind a link that can be cut, with the time that the gateway takes. */
function linkedOutput({ clock, link, gateway, device, host }) {
  const output = gateway.outputFor(host, device.isCounted);
  let isConnected = false;
  const isUp = (at) => link.outage === undefined || at < link.outage.from || at >= link.outage.to;
  const lose = async (reason, bytes) => {
    if (isConnected) await output.close();
    isConnected = false;
    return { kind: "unavailable", reason, answered: false, bytes };
  };
  const connects = async () => {
    if (isConnected) return true;
    const now = clock.monotonic();
    const answered = link.isRefused ? 0 : SYN_MS.find((ms) => isUp(now + ms));
    await clock.sleep(answered ?? CONNECT_TIMEOUT_MS);
    return isUp(clock.monotonic());
  };
  return {
    resume: async (store) => {
      if (!(await connects())) return lose("no connection", 0);
      if (!isConnected) gateway.connected(clock.monotonic());
      isConnected = true;
      const resumed = await output.resume(store);
      if (resumed.kind !== "resumed") throw new Error(`${host}: ${JSON.stringify(resumed)}`);
      await clock.sleep(gateway.takes(clock.monotonic(), 0));
      return resumed;
    },
    send: async (batch, signal, places) => {
      if (!isUp(clock.monotonic())) {
        await clock.sleep(link.isRefused ? 0 : ANSWER_TIMEOUT_MS);
        return lose("no answer", 1);
      }
      const outcome = await output.send(batch, signal, places);
      if (outcome.kind === "too-large") return outcome;
      if (outcome.kind !== "delivered") throw new Error(`${host}: ${JSON.stringify(outcome)}`);
      await clock.sleep(gateway.takes(clock.monotonic(), batch.length));
      gateway.accepted(clock.monotonic(), {
        records: batch.length,
        bytes: outcome.bytes,
        isCounted: device.isCounted,
      });
      device.freshAt ??= clock.monotonic();
      if (device.queue.length <= batch.length) device.drainedAt ??= clock.monotonic();
      return outcome;
    },
    check: async () => ({ kind: "delivered", bytes: 0 }),
    close: () => output.close(),
  };
}
