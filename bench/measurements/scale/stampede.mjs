/**
 * How the devices of a region come back: with the agent's own loop and backoff on virtual time, with and without jitter. Without
 * it, each wait is as long as it may be. Nothing is stored: records are only counted.
 */
import { RELEASE_MS, startDevice } from "./device.mjs";
import { Gateway } from "./gateway.mjs";
import { perSecond } from "./outage.mjs";
import { VirtualTime } from "./virtual-time.mjs";

const MINUTE_MS = 60_000;
/** Within this time, devices start after a power cut. */
const START_SPREAD_MS = 10_000;

/**
 * @typedef {object} Case
 * @property {string} title
 * @property {string} label  in the plot
 * @property {number} startSpread  within which the devices start, in ms
 * @property {{ from: number, to: number } | undefined} outage  of the link, in ms
 * @property {boolean} isRefused
 */

/** @type {readonly Case[]} */
export const CASES = [
  {
    title: "the link is down for 10 minutes",
    label: "link",
    startSpread: RELEASE_MS,
    outage: { from: 2 * MINUTE_MS, to: 12 * MINUTE_MS },
    isRefused: false,
  },
  {
    title: "power returns to all devices within 10 s, and to the gateway 3 minutes later",
    label: "power",
    startSpread: START_SPREAD_MS,
    outage: { from: 0, to: 3 * MINUTE_MS },
    isRefused: true,
  },
  {
    title: "power returns to all devices within 10 s, while the gateway works",
    label: "start",
    startSpread: START_SPREAD_MS,
    outage: undefined,
    isRefused: true,
  },
];

/**
 * @param {Case} one
 * @param {object} options
 * @param {number} options.devices
 * @param {import("./gateway.mjs").Costs} options.costs
 * @param {() => number} options.random
 * @param {boolean} options.hasJitter
 * @returns {Promise<{ connections: number, batches: number, later: number, curve: number[][] }>}
 *   at most a second: new connections; batches in the two minutes after the return and in the tenth
 */
export async function stampede({ startSpread, outage, isRefused }, { devices, costs, random, hasJitter }) {
  const time = new VirtualTime();
  const spec = /** @type {const} */ ({ name: "counted", broker: "embedded", series: "v3", devices });
  const gateway = new Gateway(spec, costs);
  for (let seed = 0; seed < devices; seed++)
    startDevice(time, {
      ...{ seed, startsAt: random() * startSpread, gateway, isCounted: true },
      link: { outage, isRefused },
    });
  const former = Math.random;
  Math.random = hasJitter ? random : () => 1;
  try {
    const returned = outage?.to ?? 0;
    await time.runUntil(returned + 10 * MINUTE_MS);
    const within = (counts, from, to) =>
      Math.max(
        0,
        ...perSecond(counts, returned)
          .filter(([second]) => second >= from && second < to)
          .map(([, count]) => count),
      );
    return {
      connections: within(gateway.connections, 0, 120),
      batches: within(gateway.batches, 0, 120),
      later: within(gateway.batches, 540, 600),
      curve: perSecond(gateway.connections, returned),
    };
  } finally {
    Math.random = former;
  }
}
