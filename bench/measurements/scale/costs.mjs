/** Measures what a gateway's processes take for a request, a record and a record that is sent on. */
import { openGateway } from "../../../packages/agent/dist/outputs/gateway.js";
import { decodeReadyMetric } from "../../../packages/record/dist/index.js";
import { CapturedQueue } from "./captured-queue.mjs";
import { EPOCH } from "./virtual-time.mjs";

const QUEUE = "chouette:metrics:wrapped";
/** Of devices that send what a minute has, and of devices with a backlog; in records. */
const SMALL = 48;
const LARGE = 1_000;
const HOURS = 1;

/**
 * @param {import("./gateway.mjs").Processes} processes
 * @param {number} devices  how many send; each has an hour's records, once in small batches and once in large ones
 * @returns {Promise<{ costs: import("./gateway.mjs").Costs, bytesPerRecord: number }>}  bytes of Redis' memory
 */
export async function measureCosts(processes, devices) {
  // The first round warms up.
  await measureRound(processes, devices, 1);
  return measureRound(processes, devices, 2);
}

async function measureRound(processes, devices, round) {
  const cpu = () => {
    const { agent, redis } = processes.cpu();
    return { agent: agent * 1_000, redis: redis * 1_000 };
  };
  const start = cpu();
  const small = await store(processes, devices, SMALL, 2 * round);
  const afterSmall = cpu();
  const empty = await processes.redisBytes();
  const large = await store(processes, devices, LARGE, 2 * round + 1);
  const afterLarge = cpu();
  const full = await processes.redisBytes();
  const { delivered } = await processes.dispatch(EPOCH);
  const end = cpu();
  const all = ({ agent, redis }) => agent + redis;
  // Two equations: a request costs `request + records × record`.
  const perSmall = (all(afterSmall) - all(start)) / small.requests;
  const perLarge = (all(afterLarge) - all(afterSmall)) / large.requests;
  const record = Math.max(0, (perLarge - perSmall) / (LARGE - SMALL));
  return {
    costs: {
      record,
      request: Math.max(0, perSmall - SMALL * record),
      sent: (end.agent - afterLarge.agent) / delivered,
      sentRedis: (end.redis - afterLarge.redis) / delivered,
    },
    bytesPerRecord: (full - empty) / large.records,
  };
}

/** Devices take turns, batch by batch. */
async function store({ address }, devices, size, round) {
  const senders = await Promise.all(
    Array.from({ length: devices }, async (_, index) => {
      const seed = 1_000_000 * round + index;
      const from = EPOCH / 1_000 - 3_600 * HOURS;
      const queue = new CapturedQueue({ seed, from, now: () => EPOCH });
      const output = openGateway({ address, hostName: () => `device-${seed}` }).metrics;
      await output.resume?.(seed.toString(36).padStart(8, "0"));
      return { queue, output };
    }),
  );
  let [requests, records] = [0, 0];
  for (let isLeft = true; isLeft; ) {
    isLeft = false;
    for (const { queue, output } of senders) {
      const page = await queue.read(QUEUE, { limit: size });
      // Only whole batches.
      if (page.length < size) continue;
      isLeft = true;
      const batch = page.flatMap(({ value }) => {
        const decoded = decodeReadyMetric(value);
        return decoded.ok ? [decoded.value] : [];
      });
      const outcome = await output.send(batch, undefined, page);
      if (outcome.kind !== "delivered") throw new Error(JSON.stringify(outcome));
      await queue.settle({ remove: [{ queue: QUEUE, records: page }] });
      requests += 1;
      records += page.length;
    }
  }
  for (const { output } of senders) await output.close();
  return { requests, records };
}
