/** The Redis checks of `chouette doctor`: availability, memory and durability. */
import type { ServerInfo } from "@chouette-iot/queue/redis";
import { messageOf } from "@chouette-iot/record";
import type { Config } from "../config/config.js";
import { hasSentinels, shownRedisAddress } from "../config/redis-address.js";
import type { Settings } from "../config/settings.js";
import { placeOfShard } from "./connected-shards.js";
import { connectedStore } from "./connected-store.js";
import { type Finding, finding } from "./finding.js";

/** Fraction of maxmemory above which a server counts as nearly full. */
const NEARLY_FULL = 0.9;

export async function checkRedis({ settings }: Config): Promise<readonly Finding[]> {
  const { shards } = settings;
  try {
    const store = await connectedStore(settings, shards === undefined ? undefined : placeOfShard(0));
    try {
      return [
        ...sentinelFindings(settings, store.server),
        ...(shards === undefined ? [] : [shardFinding(shards, await store.shards(), store.isCluster)]),
        ...serverFindings(await store.serverInfo()),
      ];
    } finally {
      await store.close();
    }
  } catch (error) {
    const advice =
      "start Redis, or check REDIS_HOST, REDIS_PORT, REDIS_SENTINELS and REDIS_URL (user, password, rediss:// for TLS)";
    return [finding("broker", "error", messageOf(error), advice)];
  }
}

/** @param stored undefined before the first agent has started */
function shardFinding(shards: number, stored = shards, isCluster = false): Finding {
  const kind = isCluster ? " on a Redis Cluster" : "";
  if (stored === shards) return finding("broker", "ok", `${shards} shards${kind}`);
  const isGrowing = stored < shards;
  return finding(
    "broker",
    isGrowing ? "warning" : "error",
    `the broker has ${stored} shards${kind}, and CHOUETTE_SHARDS is ${shards}`,
    isGrowing
      ? "wait until the agents have emptied the shards and use the new number; stop programs that have the old one"
      : `set CHOUETTE_SHARDS to ${stored}: the number of shards can't be made smaller`,
  );
}

function sentinelFindings(settings: Settings, master = ""): readonly Finding[] {
  if (!hasSentinels(settings)) return [];
  return [finding("broker", "ok", `${shownRedisAddress(settings)} is ${master} now`)];
}

/** @param info undefined if the account has no permission for INFO, which the agent doesn't need */
function serverFindings(info: ServerInfo | undefined): readonly Finding[] {
  if (info === undefined) {
    const found = "Redis answers; memory and persistence unknown: the account has no permission for INFO";
    return [finding("broker", "ok", found)];
  }
  const { version, hasAppendOnlyFile, maxMemory, policy } = info;
  const findings = [finding("broker", "ok", `Redis ${version} answers`), checkMemory(info)];
  if (!hasAppendOnlyFile) {
    const found = "Redis has no append-only file: a power cut loses everything since the last snapshot";
    findings.push(finding("broker", "warning", found, "set appendonly yes in redis.conf"));
  }
  if (maxMemory !== undefined && policy !== "noeviction") {
    const found = `Redis evicts whole queues when its memory is full (${policy})`;
    findings.push(finding("broker", "warning", found, "set maxmemory-policy noeviction in redis.conf"));
  }
  return findings;
}

function checkMemory({ usedMemory, maxMemory }: ServerInfo): Finding {
  const used = megabytes(usedMemory);
  if (maxMemory === undefined) return finding("broker", "ok", `Redis uses ${used} MB, no limit`);
  const found = `Redis uses ${used} of ${megabytes(maxMemory)} MB`;
  if (usedMemory < NEARLY_FULL * maxMemory) return finding("broker", "ok", found);
  const advice = "raise maxmemory in redis.conf, or find in `chouette status` why the queues don't drain";
  return finding("broker", "warning", `${found}: a full Redis refuses or evicts records`, advice);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
