/**
 * The bullmq collector: the number of jobs in each state, for each queue of BullMQ.
 *
 * A queue exists as long as its key `PREFIX:QUEUE:meta`. Each state is a list or sorted set; a missing one is empty.
 */
import type { CollectedMetric, Collector, CollectorContext, RedisAddress } from "../collector.js";
import { type CollectorDescription, metricTable } from "../description.js";
import { gauge } from "../gauge.js";
import { escapePattern, type RedisConnection, RedisProbe, scanKeys } from "./redis-probe.js";

/** State in metrics, key in Redis, kind of key. */
const STATES = [
  ["waiting", "wait", "list"],
  ["paused", "paused", "list"],
  ["active", "active", "list"],
  ["delayed", "delayed", "sorted set"],
  ["prioritized", "prioritized", "sorted set"],
  ["waiting_children", "waiting-children", "sorted set"],
  ["failed", "failed", "sorted set"],
  ["completed", "completed", "sorted set"],
] as const;

const QUEUE = ["queue"];

export const description: CollectorDescription = {
  name: "bullmq",
  sees: "The queues of BullMQ in Redis.",
  reads: "The sizes of each queue's lists and sorted sets; queues are found by SCAN for `bull:*:meta`.",
  needs: "A user with permission for SCAN, LLEN, LINDEX and ZCARD.",
  costs:
    "One persistent connection; a SCAN of the whole database, and ten small commands per queue in one round trip.",
  settings: ["bullmqRedisUrl", "bullmqPrefix"],
  metrics: metricTable("Chouette.bullmq", [
    ["waiting", "job", QUEUE, "Waiting jobs"],
    ["paused", "job", QUEUE, "Waiting jobs of a paused queue"],
    ["active", "job", QUEUE, "Jobs being processed"],
    ["delayed", "job", QUEUE, "Delayed jobs"],
    ["prioritized", "job", QUEUE, "Waiting jobs with a priority"],
    ["waiting_children", "job", QUEUE, "Jobs waiting for their children"],
    ["failed", "job", QUEUE, "Failed jobs that are kept"],
    ["completed", "job", QUEUE, "Completed jobs that are kept"],
  ]),
};

export function open({ settings, redis }: Pick<CollectorContext, "settings" | "redis">): Collector {
  const { bullmqRedisUrl: url, bullmqPrefix: prefix } = settings;
  return bullmqCollector(url === undefined ? redis : { url }, prefix);
}

export function bullmqCollector(address: RedisAddress, prefix: string): Collector {
  const connection = new RedisProbe(address);
  return {
    name: "bullmq",
    subject: connection.server,
    collect: ({ signal }) =>
      connection.with(signal, async (client) => {
        const metas = await scanKeys(client, `${escapePattern(prefix)}:*:meta`);
        const queues = metas.map((key) => key.slice(prefix.length + 1, -":meta".length));
        const sizes = queues.flatMap((queue) =>
          STATES.map(async ([state, key, kind]): Promise<CollectedMetric> => {
            const path = `${prefix}:${queue}:${key}`;
            const value = await (kind === "list" ? countJobs(client, path) : client.zCard(path));
            return gauge(`Chouette.bullmq.${state}`, value, { queue });
          }),
        );
        return Promise.all(sizes);
      }),
    close: () => connection.close(),
  };
}

/** BullMQ 3 and 4 put a marker (`0:TIME`) into an empty list. It stays at the tail, and BullMQ's own counts skip it, too. */
async function countJobs(client: RedisConnection, list: string): Promise<number> {
  const [length, last] = await Promise.all([client.lLen(list), client.lIndex(list, -1)]);
  return last !== null && /^0:\d+$/.test(last) ? length - 1 : length;
}
