/**
 * The redis collector: memory, clients, operations, hits and persistence of one Redis server or several.
 *
 * One INFO for each server and round. A server that doesn't answer costs its own metrics only.
 */
import type { CollectedMetric, Collector, CollectorContext, RedisAddress, Round } from "../collector.js";
import { type CollectorDescription, metricTable } from "../description.js";
import { messageOf } from "../errors.js";
import { LookIn } from "./connection.js";
import { type Info, infoMetrics, parseInfo } from "./info.js";

const SERVER = ["server"];

export const description: CollectorDescription = {
  name: "redis",
  sees: "Redis servers: the agent's own, or those that are named.",
  reads: "`INFO`. What speaks of the time between two rounds is missing in the first.",
  needs: "A user who may call INFO.",
  costs: "One connection that is kept, and one command, for each server.",
  settings: ["redisCollectorUrls"],
  metrics: metricTable("Chouette.redis", [
    ["memory.used", "byte", SERVER, "Memory of the data and what belongs to it"],
    ["memory.rss", "byte", SERVER, "Memory as the system sees it"],
    ["memory.max", "byte", SERVER, "The limit; 0 is none"],
    ["clients.connected", "connection", SERVER, "Clients that are connected"],
    ["clients.blocked", "connection", SERVER, "Clients that wait in a blocking command"],
    ["ops", "operation", SERVER, "Commands a second, as the server reckons it"],
    [
      "hit_rate",
      "percent",
      SERVER,
      "Reads since the round before that found their key; nothing where there were none",
    ],
    ["keys", "key", SERVER, "Keys of all databases"],
    ["keys.evicted", "key", SERVER, "Evicted for want of memory", "count"],
    ["keys.expired", "key", SERVER, "Expired", "count"],
    ["connections.rejected", "connection", SERVER, "Refused for there were too many", "count"],
    ["persistence.unsaved_changes", "", SERVER, "Changes since the last snapshot"],
    ["persistence.rdb_ok", "", SERVER, "1 where the last snapshot went well, else 0"],
    ["persistence.aof_enabled", "", SERVER, "1 where the append-only file is on"],
    ["persistence.aof_ok", "", SERVER, "1 where the last write to it went well"],
    ["persistence.loading", "", SERVER, "1 while the server still loads its data"],
    ["uptime", "second", SERVER, "Since the server's start"],
  ]),
};

export function open({ settings, redis }: Pick<CollectorContext, "settings" | "redis">): Collector {
  const urls = settings.redisCollectorUrls;
  return redisCollector(urls.length === 0 ? [redis] : urls.map((url) => ({ url })));
}

interface Server {
  readonly connection: LookIn;
  info?: Info;
}

export function redisCollector(addresses: readonly RedisAddress[]): Collector {
  const servers: readonly Server[] = addresses.map((address) => ({ connection: new LookIn(address) }));
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
