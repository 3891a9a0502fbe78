/**
 * The redis collector: memory, clients, operations, hits and persistence of Redis servers.
 *
 * It sends one INFO per server and round. A server that doesn't answer costs only its own metrics.
 */
import { type Info, parseInfo } from "@chouette-iot/queue/redis/info";
import { messageOf } from "@chouette-iot/record";
import type { CollectedMetric, Collector, CollectorContext, RedisAddress, Round } from "../collector.js";
import { type CollectorDescription, metricTable } from "../description.js";
import { infoMetrics } from "./info.js";
import { RedisProbe } from "./redis-probe.js";

const SERVER = ["server"];

export const description: CollectorDescription = {
  name: "redis",
  sees: "Redis servers: the agent's, or those in `REDIS_COLLECTOR_URLS`.",
  reads: "`INFO`. Metrics about the time between two rounds are missing in the first round.",
  needs: "A user with permission for INFO.",
  costs: "One persistent connection and one command per server.",
  settings: ["redisCollectorUrls"],
  metrics: metricTable("Chouette.redis", [
    ["memory.used", "byte", SERVER, "Memory of the data and its overhead"],
    ["memory.rss", "byte", SERVER, "Memory as the system sees it"],
    ["memory.max", "byte", SERVER, "The limit; 0 if there is none"],
    ["clients.connected", "connection", SERVER, "Connected clients"],
    ["clients.blocked", "connection", SERVER, "Clients in a blocking command"],
    ["ops", "operation", SERVER, "Commands per second, as estimated by the server"],
    [
      "hit_rate",
      "percent",
      SERVER,
      "Share of reads since the last round that found their key; not sent without reads",
    ],
    ["keys", "key", SERVER, "Keys of all databases"],
    ["keys.evicted", "key", SERVER, "Evicted for lack of memory", "count"],
    ["keys.expired", "key", SERVER, "Expired", "count"],
    ["connections.rejected", "connection", SERVER, "Refused because of the connection limit", "count"],
    ["persistence.unsaved_changes", "", SERVER, "Changes since the last snapshot"],
    ["persistence.rdb_ok", "", SERVER, "1 if the last snapshot succeeded, else 0"],
    ["persistence.aof_enabled", "", SERVER, "1 if the append-only file is on"],
    ["persistence.aof_ok", "", SERVER, "1 if the last write to it succeeded"],
    ["persistence.loading", "", SERVER, "1 while the server is loading its data"],
    ["uptime", "second", SERVER, "Since the server's start"],
  ]),
};

export function open({ settings, redis }: Pick<CollectorContext, "settings" | "redis">): Collector {
  const urls = settings.redisCollectorUrls;
  return redisCollector(urls.length === 0 ? [redis] : urls.map((url) => ({ url })));
}

interface Server {
  readonly connection: RedisProbe;
  info?: Info;
}

export function redisCollector(addresses: readonly RedisAddress[]): Collector {
  const servers: readonly Server[] = addresses.map((address) => ({ connection: new RedisProbe(address) }));
  return {
    name: "redis",
    subject: servers.map(({ connection }) => connection.server).join(", "),
    collect: async (round) => (await Promise.all(servers.map((server) => readServer(server, round)))).flat(),
    close: () => {
      for (const { connection } of servers) connection.close();
    },
  };
}

async function readServer(server: Server, { signal, report }: Round): Promise<readonly CollectedMetric[]> {
  const { connection } = server;
  try {
    const info = parseInfo(await connection.with(signal, (client) => client.info()));
    const metrics = infoMetrics(connection.server, server.info, info);
    server.info = info;
    return metrics;
  } catch (error) {
    report(`${connection.server}: ${messageOf(error)}`);
    return [];
  }
}
