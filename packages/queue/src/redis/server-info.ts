/** What a Redis server reports about itself: its memory, what it evicts, what it keeps. */
import { ErrorReply } from "@redis/client";
import { parseInfo } from "./info.js";
import type { RedisConnection } from "./redis-connection.js";

export interface ServerInfo {
  readonly version: string;
  /** Of one run of the server, whose counters begin at 0. */
  readonly runId: string;
  /** In bytes. */
  readonly usedMemory: number;
  /** In bytes; undefined without a limit. */
  readonly maxMemory: number | undefined;
  /** What happens when it is reached, such as `noeviction`. */
  readonly policy: string;
  /** Keys that were evicted in this run, of anyone. */
  readonly evictedKeys: number;
  readonly hasAppendOnlyFile: boolean;
}

/** Undefined if the account may not ask: the usual `-@dangerous` takes INFO away, which Chouette can do without. */
export async function serverInfo(connection: RedisConnection): Promise<ServerInfo | undefined> {
  try {
    return parsed(await connection.sendCommand<string>(["INFO"]));
  } catch (error) {
    if (error instanceof ErrorReply && error.message.startsWith("NOPERM")) return undefined;
    throw error;
  }
}

function parsed(text: string): ServerInfo {
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
