/** A Redis server's own report: version, memory, evictions, persistence. */
import { ErrorReply } from "@redis/client";
import { parseInfo } from "./info.js";
import type { RedisConnection } from "./redis-connection.js";

export interface ServerInfo {
  readonly version: string;
  /** Changes when the server restarts, which resets its counters. */
  readonly runId: string;
  /** In bytes. */
  readonly usedMemory: number;
  /** In bytes; undefined without a limit. */
  readonly maxMemory: number | undefined;
  /** The `maxmemory-policy`, such as `noeviction`. */
  readonly policy: string;
  /** Number of keys, of any program, that were evicted since the restart. */
  readonly evictedKeys: number;
  readonly hasAppendOnlyFile: boolean;
}

/** Undefined if the account may not call INFO: the common `-@dangerous` forbids it, and Chouette can do without. */
export async function serverInfo(connection: RedisConnection): Promise<ServerInfo | undefined> {
  try {
    return toServerInfo(await connection.sendCommand<string>(["INFO"]));
  } catch (error) {
    if (error instanceof ErrorReply && error.message.startsWith("NOPERM")) return undefined;
    throw error;
  }
}

function toServerInfo(text: string): ServerInfo {
  const pairs = parseInfo(text);
  const number = (name: string) => Number(pairs.get(name) ?? 0);
  return {
    version: pairs.get("redis_version") ?? "?",
    runId: pairs.get("run_id") ?? "",
    usedMemory: number("used_memory"),
    maxMemory: number("maxmemory") || undefined,
    policy: pairs.get("maxmemory_policy") ?? "noeviction",
    evictedKeys: number("evicted_keys"),
    hasAppendOnlyFile: pairs.get("aof_enabled") !== "0",
  };
}
