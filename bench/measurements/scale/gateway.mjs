/**
 * A gateway for simulated devices: real processes that store and send real records, and a model of the time that this takes.
 *
 * The model has a thread for each process, and costs that were measured here (`measureCosts`). Records of devices that are
 * only counted are in the model alone; without processes, these are all.
 */
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { openGateway } from "../../../packages/agent/dist/outputs/gateway.js";
import { parseAddress } from "../../../packages/queue/dist/resp/address.js";
import { RedisSocket } from "../../../packages/queue/dist/resp/redis-socket.js";
import { encodeCommands } from "../../../packages/queue/dist/resp/resp.js";
import { startSubject } from "../../suite/child.mjs";
import { startRedis } from "../../support/redis.mjs";
import { cpuSecondsOf, memoryOf } from "../../support/server.mjs";
import { COUNTING } from "./counting.mjs";
import { BATCH, dispatchLoop } from "./device.mjs";
import { Worker } from "./virtual-time.mjs";

/** Of the local network, both ways. */
const NETWORK_MS = 1;

/**
 * @typedef {object} Costs  CPU time in ms
 * @property {number} request  to store a batch, apart from its records
 * @property {number} record  to store a record
 * @property {number} sent  for the agent to send a record on
 * @property {number} sentRedis  for Redis meanwhile; 0 without one
 *
 * @typedef {object} Spec
 * @property {string} name
 * @property {"embedded" | "redis"} broker
 * @property {"v2" | "v3"} series
 * @property {number} devices
 *
 * @typedef {object} Processes
 * @property {import("../../../packages/queue/dist/resp/address.js").BrokerAddress} address
 * @property {(now: number) => Promise<{ delivered: number, bytes: number }>} dispatch
 * @property {() => { agent: number, redis: number }} cpu  seconds so far
 * @property {() => { agent: number, redis: number }} peak  bytes of memory
 * @property {() => Promise<number>} redisBytes  that Redis uses for its data
 * @property {() => Promise<void>} end
 */

/** @param {Pick<Spec, "broker" | "series">} spec @param {string} folder @param {string} apiUrl @returns {Promise<Processes>} */
export async function startProcesses({ broker, series: seriesVersion }, folder, apiUrl) {
  const redis = broker === "redis" ? await startRedis(folder) : undefined;
  const agent = startSubject(new URL("gateway-process.mjs", import.meta.url));
  const own = await mkdtemp(join(folder, "gateway-"));
  const { port } = await agent.ask("open", { redisPort: redis?.port, folder: own, apiUrl, seriesVersion });
  return {
    address: parseAddress(`redis://127.0.0.1:${port}`),
    dispatch: (now) => agent.ask("dispatch", now),
    cpu: () => ({ agent: cpuSecondsOf(agent.pid), redis: redis?.cpuSeconds() ?? 0 }),
    peak: () => ({ agent: memoryOf(agent.pid).peak, redis: redis?.memory().peak ?? 0 }),
    redisBytes: async () =>
      redis === undefined ? 0 : usedMemory(await askRedis(redis.port, "INFO", "memory")),
    end: async () => {
      await agent.end();
      await redis?.stop();
    },
  };
}

/** @param {number} port @param {readonly string[]} command @returns {Promise<string>} */
async function askRedis(port, ...command) {
  const address = parseAddress(`redis://127.0.0.1:${port}`);
  const socket = new RedisSocket(address, { keepAlive: /** @type {any} */ (60_000), onEnd() {} });
  const [reply] = await socket.send(encodeCommands([command]));
  socket.destroy();
  return String(reply);
}

function usedMemory(info) {
  return Number(/used_memory:(\d+)/.exec(info)?.[1]);
}

export class Gateway {
  spec;
  /** Records that were accepted and not yet sent, now and at most. */
  waiting = 0;
  mostWaiting = 0;
  sent = 0;
  /** Bytes of commands of the devices, and of bodies to Datadog; records in these. */
  bytesIn = 0;
  bytesOut = 0;
  reallySent = 0;
  /** New connections, and batches, by second of virtual time. */
  connections = new Map();
  batches = new Map();
  /** Of those that wait, how many were only counted. */
  #counted = 0;
  #processes;
  #costs;
  #agent = new Worker();
  #broker;

  /** @param {Spec} spec @param {Costs} costs @param {Processes} [processes] */
  constructor(spec, costs, processes) {
    this.spec = spec;
    this.#costs = costs;
    this.#processes = processes;
    this.#broker = spec.broker === "redis" ? new Worker() : this.#agent;
  }

  get processes() {
    return this.#processes;
  }

  /** CPU time by the model, in seconds. */
  get modelled() {
    return (this.#agent.busy + (this.#broker === this.#agent ? 0 : this.#broker.busy)) / 1_000;
  }

  /** The output of a device's agent to this gateway. @returns {any} */
  outputFor(host, isCounted) {
    if (isCounted || this.#processes === undefined) return COUNTING;
    return openGateway({ address: this.#processes.address, hostName: () => host }).metrics;
  }

  connected(at) {
    increment(this.connections, at);
  }

  /** How long a device waits, in ms, for a batch of so many records. */
  takes(at, records) {
    const { request, record } = this.#costs;
    return NETWORK_MS + this.#broker.take(at, request + records * record);
  }

  accepted(at, { records, bytes, isCounted }) {
    increment(this.batches, at);
    this.waiting += records;
    if (isCounted) this.#counted += records;
    this.mostWaiting = Math.max(this.mostWaiting, this.waiting);
    this.bytesIn += bytes;
  }

  /** Its agent's releases. @param {import("./virtual-time.mjs").VirtualTime} time @param {number} startsAt */
  start(time, startsAt) {
    time.start(startsAt, (clock) =>
      dispatchLoop({
        ...{ name: "Datadog", clock, output: /** @type {any} */ (undefined) },
        dispatcher: /** @type {any} */ ({ dispatch: () => this.#dispatch(clock) }),
      }).run(new AbortController().signal),
    );
  }

  async #dispatch(clock) {
    const counted = this.#counted;
    this.#counted = 0;
    const real = (await this.#processes?.dispatch(clock.now())) ?? { delivered: 0, bytes: 0 };
    this.bytesOut += real.bytes;
    this.reallySent += real.delivered;
    const delivered = real.delivered + counted;
    for (let left = delivered; left > 0; left -= BATCH) {
      const count = Math.min(left, BATCH);
      const { sent, sentRedis } = this.#costs;
      const now = clock.monotonic();
      const redis = sentRedis === 0 ? 0 : this.#broker.take(now, count * sentRedis);
      await clock.sleep(Math.max(this.#agent.take(now, count * sent), redis));
      this.waiting -= count;
      this.sent += count;
    }
    return { delivered, rejected: 0, expired: 0, bytes: real.bytes };
  }
}

function increment(counts, at) {
  const second = Math.floor(at / 1_000);
  counts.set(second, (counts.get(second) ?? 0) + 1);
}
