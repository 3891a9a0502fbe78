/**
 * The dramatiq collector: the number of messages in each queue of Dramatiq, the Python task library.
 *
 * The messages are in the hash `dramatiq:QUEUE.msgs`, which Redis deletes when it is empty. So queues that were seen once
 * are remembered and sent as 0.
 */
import type { CollectedMetric, Collector, CollectorContext, RedisAddress } from "../collector.js";
import { type CollectorDescription, metricTable } from "../description.js";
import { gauge } from "../gauge.js";
import { RedisProbe, scanKeys } from "./redis-probe.js";

export const description: CollectorDescription = {
  name: "dramatiq",
  sees: "The queues of Dramatiq, the Python task library, in Redis.",
  reads:
    "The sizes of the hashes `dramatiq:*.msgs`, found by SCAN. A queue that was seen before and is now empty is sent as 0.",
  needs: "A user with permission for SCAN and HLEN.",
  costs: "One persistent connection; a SCAN of the whole database, and HLEN for each queue.",
  settings: ["dramatiqRedisUrl"],
  metrics: metricTable("Chouette.dramatiq", [
    ["queue_size", "message", ["queue"], "Messages in the queue; delayed ones are in `QUEUE.DQ`"],
  ]),
};

export function open({ settings, redis }: Pick<CollectorContext, "settings" | "redis">): Collector {
  const url = settings.dramatiqRedisUrl;
  return dramatiqCollector(url === undefined ? redis : { url });
}

export function dramatiqCollector(address: RedisAddress): Collector {
  const connection = new RedisProbe(address);
  const known = new Set<string>();
  return {
    name: "dramatiq",
    subject: connection.server,
    collect: ({ signal }) =>
      connection.with(signal, async (client) => {
        for (const key of await scanKeys(client, "dramatiq:*.msgs")) known.add(key);
        const keys = [...known];
        const sizes = await Promise.all(keys.map((key) => client.hLen(key)));
        return keys.map((key, index) => queueMetric(key, sizes[index] ?? 0));
      }),
    close: () => connection.close(),
  };
}

function queueMetric(key: string, size: number): CollectedMetric {
  const queue = key.slice("dramatiq:".length, -".msgs".length);
  return gauge("Chouette.dramatiq.queue_size", size, { queue });
}
