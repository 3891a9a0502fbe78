/** Metrics from Redis' INFO. */
import type { Info } from "@chouette-iot/queue/redis/info";
import type { CollectedMetric } from "../collector.js";
import { rounded } from "../gauge.js";

/** Figures that are sent unchanged, with INFO's name. */
const FIGURES: readonly (readonly [name: string, field: string])[] = [
  ["memory.used", "used_memory"],
  ["memory.rss", "used_memory_rss"],
  ["memory.max", "maxmemory"],
  ["clients.connected", "connected_clients"],
  ["clients.blocked", "blocked_clients"],
  ["ops", "instantaneous_ops_per_sec"],
  ["uptime", "uptime_in_seconds"],
  ["persistence.unsaved_changes", "rdb_changes_since_last_save"],
];

/** Counters whose increase between two rounds is sent. */
const COUNTERS: readonly (readonly [name: string, field: string])[] = [
  ["keys.evicted", "evicted_keys"],
  ["keys.expired", "expired_keys"],
  ["connections.rejected", "rejected_connections"],
];

/** Sent as 1 if the field has this value, else 0. */
const STATES: readonly (readonly [name: string, field: string, value: string])[] = [
  ["persistence.rdb_ok", "rdb_last_bgsave_status", "ok"],
  ["persistence.aof_enabled", "aof_enabled", "1"],
  ["persistence.aof_ok", "aof_last_write_status", "ok"],
  ["persistence.loading", "loading", "1"],
];

/** @param server as a tag: `host:port` */
export function infoMetrics(server: string, before: Info | undefined, after: Info): CollectedMetric[] {
  const tags = { server };
  const metrics: CollectedMetric[] = [];
  const add = (name: string, value: number | undefined, type: "gauge" | "count" = "gauge") => {
    if (value !== undefined && Number.isFinite(value)) {
      metrics.push({ name: `Chouette.redis.${name}`, type, value, tags });
    }
  };
  for (const [name, field] of FIGURES) add(name, numberOf(after, field));
  for (const [name, field, value] of STATES) {
    const state = after.get(field);
    add(name, state === undefined ? undefined : Number(state === value));
  }
  for (const [name, field] of COUNTERS) add(name, increase(before, after, field), "count");
  add("hit_rate", hitRate(before, after));
  add("keys", countKeys(after));
  return metrics;
}

function numberOf(info: Info, field: string): number | undefined {
  const value = info.get(field);
  return value === undefined ? undefined : Number(value);
}

/** Increase of a counter since the previous round; its whole value if the server was restarted. */
function increase(before: Info | undefined, after: Info, field: string): number | undefined {
  const now = numberOf(after, field);
  if (before === undefined || now === undefined) return undefined;
  if (before.get("run_id") !== after.get("run_id")) return now;
  return Math.max(0, now - (numberOf(before, field) ?? 0));
}

/** Percentage of the reads since the previous round that found their key; undefined without reads. */
function hitRate(before: Info | undefined, after: Info): number | undefined {
  const hits = increase(before, after, "keyspace_hits");
  const misses = increase(before, after, "keyspace_misses");
  if (hits === undefined || misses === undefined || hits + misses === 0) return undefined;
  return rounded((100 * hits) / (hits + misses), 1);
}

/** The sum of all databases. A field is `db0:keys=3,expires=0,avg_ttl=0`. */
function countKeys(info: Info): number {
  let keys = 0;
  for (const [field, value] of info) {
    if (/^db\d+$/.test(field)) keys += Number(/^keys=(\d+)/.exec(value)?.[1] ?? 0);
  }
  return keys;
}
