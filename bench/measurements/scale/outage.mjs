/**
 * Gateways with their devices: some minutes of normal operation, then an outage of the link of whole regions, and their return.
 *
 * Nothing is shared between gateways, so each has its own virtual time, and those whose region has no outage end before it.
 */

import { RELEASE_MS, startDevice } from "./device.mjs";
import { Gateway, startProcesses } from "./gateway.mjs";
import { VirtualTime } from "./virtual-time.mjs";

const MINUTE_MS = 60_000;
/** Until every device has connected, and code is compiled. */
const WARM_UP_MINUTES = 1;
/** Of the curves, and of the search for an end. */
const SAMPLE_MS = 1_000;
const MAX_DRAIN_MINUTES = 60;
/** Share of devices that count as most. */
const MOST = 0.99;
/** Of the devices with an outage, one of so many has real records; the others are only counted. */
const SAMPLED = 40;

/**
 * @param {object} plan
 * @param {readonly (import("./gateway.mjs").Spec & { costs: import("./gateway.mjs").Costs, hasOutage: boolean })[]} plan.gateways
 * @param {number} plan.minutes  of normal operation
 * @param {number} plan.outageMinutes
 * @param {() => number} plan.random
 * @param {string} folder
 * @param {string} apiUrl
 * @param {(text: string) => void} say
 */
export async function simulateOutage({ gateways, minutes, outageMinutes, random }, folder, apiUrl, say) {
  const groups = [];
  for (const spec of gateways) {
    const processes = await startProcesses(spec, folder, apiUrl);
    const from = (WARM_UP_MINUTES + minutes) * MINUTE_MS;
    const outage = spec.hasOutage ? { from, to: from + outageMinutes * MINUTE_MS } : undefined;
    groups.push(newGroup({ spec, processes, random, outage, firstSeed: 100_000 * groups.length }));
  }
  try {
    say(`${minutes} minutes of normal operation`);
    const normal = await Promise.all(groups.map((group) => normalOperation(group, minutes)));
    const cut = groups.filter(({ spec }) => spec.hasOutage);
    for (const group of groups) if (!cut.includes(group)) await group.gateway.processes?.end();
    say(`an outage of ${outageMinutes} minutes`);
    const outages = await Promise.all(cut.map(recovery));
    return { normal, outages };
  } finally {
    for (const { gateway } of groups) await gateway.processes?.end();
  }
}

function newGroup({ spec, processes, random, outage, firstSeed }) {
  const time = new VirtualTime();
  const gateway = new Gateway(spec, spec.costs, processes);
  const link = { outage, isRefused: false };
  const devices = Array.from({ length: spec.devices }, (_, index) =>
    startDevice(time, {
      ...{ seed: firstSeed + index, startsAt: random() * RELEASE_MS, link, gateway },
      isCounted: spec.hasOutage && index % SAMPLED > 0,
    }),
  );
  gateway.start(time, random() * RELEASE_MS);
  return { spec, time, gateway, outage, devices };
}

async function normalOperation({ spec, time, gateway }, minutes) {
  await time.runUntil(WARM_UP_MINUTES * MINUTE_MS);
  const before = figuresOf(gateway);
  await time.runUntil((WARM_UP_MINUTES + minutes) * MINUTE_MS);
  const after = figuresOf(gateway);
  const hostMinutes = spec.devices * minutes;
  const each = (name) => (after[name] - before[name]) / hostMinutes;
  return {
    spec,
    bytesIn: each("bytesIn"),
    bytesOut: each("bytesOut"),
    cpuAgent: each("cpuAgent"),
    cpuRedis: each("cpuRedis"),
    modelled: each("modelled"),
    peak: gateway.processes?.peak(),
  };
}

function figuresOf(gateway) {
  const { agent, redis } = gateway.processes?.cpu() ?? { agent: 0, redis: 0 };
  const { bytesIn, bytesOut, modelled, sent, reallySent } = gateway;
  return { bytesIn, bytesOut, modelled, sent, reallySent, cpuAgent: agent, cpuRedis: redis };
}

async function recovery({ spec, time, gateway, outage, devices }) {
  const returned = outage.to;
  await time.runUntil(returned);
  const backlog = sum(devices.map(({ queue }) => queue.length));
  for (const device of devices) Object.assign(device, { freshAt: undefined, drainedAt: undefined });
  gateway.mostWaiting = gateway.waiting;
  const before = figuresOf(gateway);
  const curve = [];
  let drained;
  for (let sentAtEnd = Number.POSITIVE_INFINITY; gateway.sent < sentAtEnd; ) {
    if (time.now - returned > MAX_DRAIN_MINUTES * MINUTE_MS) throw new Error(`${spec.name} isn't drained`);
    await time.runUntil(time.now + SAMPLE_MS);
    const onDevices = sum(devices.map(({ queue }) => queue.length));
    curve.push({ at: time.now - returned, onDevices, onGateway: gateway.waiting });
    if (drained === undefined && devices.every(({ drainedAt }) => drainedAt !== undefined)) {
      drained = time.now - returned;
      sentAtEnd = gateway.sent + gateway.waiting;
    }
  }
  const after = figuresOf(gateway);
  const times = (name) => devices.map((device) => device[name] - returned).sort((a, b) => a - b);
  return {
    spec,
    backlog,
    curve,
    sent: after.sent - before.sent,
    reallySent: after.reallySent - before.reallySent,
    fresh: spread(times("freshAt")),
    drained: spread(times("drainedAt")),
    sentAfter: time.now - returned,
    mostWaiting: gateway.mostWaiting,
    bytesOut: after.bytesOut - before.bytesOut,
    cpu: after.cpuAgent + after.cpuRedis - before.cpuAgent - before.cpuRedis,
    modelled: after.modelled - before.modelled,
    connections: perSecond(gateway.connections, returned),
    batches: perSecond(gateway.batches, returned),
  };
}

/** In ms. @param {readonly number[]} sorted */
function spread(sorted) {
  return {
    half: sorted[Math.floor(sorted.length / 2)],
    most: sorted[Math.floor(sorted.length * MOST)],
    all: sorted[sorted.length - 1],
  };
}

/** The counts of each second since then. */
export function perSecond(counts, since) {
  const first = Math.floor(since / 1_000);
  return [...counts].filter(([second]) => second >= first).map(([second, count]) => [second - first, count]);
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
