import { parseInfo } from "@chouette-iot/queue/redis/info";
import { describe, expect, it } from "vitest";
import { infoMetrics } from "./info.js";

const BEFORE = parseInfo(
  "# Server\r\nrun_id:aaaa\r\n# Stats\r\nevicted_keys:5\r\nkeyspace_hits:10\r\nkeyspace_misses:10\r\n",
);
const AFTER = parseInfo(`# Server\r
redis_version:7.0.15\r
run_id:aaaa\r
uptime_in_seconds:3600\r
# Clients\r
connected_clients:3\r
blocked_clients:0\r
# Memory\r
used_memory:1048576\r
used_memory_rss:2097152\r
maxmemory:0\r
mem_allocator:jemalloc-5.2.1\r
# Persistence\r
loading:0\r
rdb_changes_since_last_save:0\r
rdb_last_bgsave_status:err\r
aof_enabled:1\r
aof_last_write_status:ok\r
# Stats\r
instantaneous_ops_per_sec:0\r
expired_keys:1\r
evicted_keys:7\r
keyspace_hits:13\r
keyspace_misses:11\r
rejected_connections:0\r
# Keyspace\r
db0:keys=3,expires=0,avg_ttl=0\r
db5:keys=4,expires=1,avg_ttl=9\r
`);

function read(before = BEFORE, after = AFTER): Readonly<Record<string, number>> {
  const metrics = infoMetrics("127.0.0.1:6379", before, after);
  expect(metrics.every(({ tags }) => tags?.server === "127.0.0.1:6379")).toBe(true);
  return Object.fromEntries(metrics.map(({ name, value }) => [name.replace("Chouette.redis.", ""), value]));
}

describe("INFO", () => {
  it("gives figures as they are, states as 0 or 1, and counters by what they grew", () => {
    expect(read()).toEqual({
      "memory.used": 1_048_576,
      "memory.rss": 2_097_152,
      "memory.max": 0,
      "clients.connected": 3,
      "clients.blocked": 0,
      ops: 0,
      uptime: 3_600,
      "persistence.unsaved_changes": 0,
      "persistence.rdb_ok": 0,
      "persistence.aof_enabled": 1,
      "persistence.aof_ok": 1,
      "persistence.loading": 0,
      "keys.evicted": 2,
      "keys.expired": 1,
      "connections.rejected": 0,
      hit_rate: 75,
      keys: 7,
    });
  });

  it("counts from 0 after a restart of the server", () => {
    const before = parseInfo("run_id:bbbb\r\nevicted_keys:100\r\n");
    expect(read(before)["keys.evicted"]).toBe(7);
  });

  it("gives no hit rate where nothing was read, and no counters in the first round", () => {
    expect(read(AFTER)).not.toHaveProperty("hit_rate");
    const first = infoMetrics("a:1", undefined, AFTER);
    expect(first.filter(({ type }) => type === "count")).toEqual([]);
  });
});
