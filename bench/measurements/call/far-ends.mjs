/**
 * The sinks of the contenders, and the share of the calls that arrived.
 *
 * @typedef {import("../../subjects/clients/calls.mjs").Arrived} Arrived
 * @typedef {{ port?: number, clear: () => Promise<void>, arrived: (subject: import("../../suite/child.mjs").Subject) =>
 * Promise<Arrived> }} FarEnd
 */
import { nothing, nthValue } from "../../subjects/clients/calls.mjs";
import { connectTo } from "../../support/driver.mjs";
import { startRedis } from "../../support/redis.mjs";
import { startStatsdSink } from "../../support/statsd-sink.mjs";

const QUEUE = "chouette:metrics:raw";
const PAGE = 5_000;

/** @param {string} folder @returns {Promise<{ of: Readonly<Record<string, FarEnd>>, stop: () => Promise<void> }>} */
export async function startFarEnds(folder) {
  const server = await startRedis(folder);
  const driver = await connectTo(server.port);
  const sink = await startStatsdSink();
  return {
    of: {
      redis: {
        port: server.port,
        clear: async () => void (await driver.sendCommand(["FLUSHALL"])),
        arrived: () => fromRedis(driver),
      },
      statsd: { port: sink.port, clear: async () => sink.clear(), arrived: () => fromStatsd(sink) },
      "its own process": {
        clear: async () => {},
        arrived: (subject) => subject.ask("arrived"),
      },
    },
    stop: async () => {
      sink.close();
      driver.destroy();
      await server.stop();
    },
  };
}

/**
 * The share of the calls that arrived: increments by their sum, samples by their number, gauges by the contexts whose
 * last value is right.
 *
 * @param {Arrived} arrived
 * @param {{ kind: string, contexts: number, calls: number, called: number }} sent  `called`: with those of earlier
 * samples
 */
export function shareArrived(arrived, { kind, contexts, calls, called }) {
  if (kind === "increment") return arrived.sum / calls;
  if (kind === "histogram") return arrived.samples / calls;
  let right = 0;
  for (let call = called - contexts; call < called; call++) {
    if (arrived.last.get(`r${call % contexts}`) === nthValue(call)) right++;
  }
  return right / contexts;
}

async function fromRedis(driver) {
  const arrived = nothing();
  const ids = await driver.sendCommand(["ZRANGE", `${QUEUE}.keys`, "0", "-1"]);
  for (let first = 0; first < ids.length; first += PAGE) {
    const page = ids.slice(first, first + PAGE);
    for (const text of await driver.sendCommand(["HMGET", `${QUEUE}.values`, ...page])) {
      const { type, value, tags } = JSON.parse(text);
      add(arrived, type, value, tags.route);
    }
  }
  return arrived;
}

const STATSD_TYPES = { c: "count", g: "gauge", h: "histogram" };

async function fromStatsd(sink) {
  const arrived = nothing();
  for (const { type, value, tags } of await sink.lines()) {
    add(arrived, STATSD_TYPES[type], value, tags[0].slice("route:".length));
  }
  return arrived;
}

function add(arrived, type, value, route) {
  if (type === "count") arrived.sum += value;
  else if (type === "histogram") arrived.samples++;
  else arrived.last.set(route, value);
}
