/** How `chouette doctor` looks at a Redis server: whether it answers, how full it is, and whether it keeps what it is given. */
import type { ServerInfo } from "@chouette-iot/queue/redis";
import type { Config } from "../config/config.js";
import { connectedStore } from "./connected-store.js";
import type { Finding } from "./doctor-checks.js";

/** The share of its memory limit above which a server counts as nearly full. */
const NEARLY_FULL = 0.9;

export async function lookAtRedis({ settings }: Config): Promise<readonly Finding[]> {
  try {
    const store = await connectedStore(settings);
    try {
      return findings(await store.serverInfo());
    } finally {
      await store.close();
    }
  } catch (error) {
    return [
      {
        about: "broker",
        verdict: "wrong",
        found: error instanceof Error ? error.message : String(error),
        advice:
          "start it, or look at REDIS_HOST, REDIS_PORT and REDIS_URL (user, password, rediss:// for TLS)",
      },
    ];
  }
}

/** @param info undefined if the account has no right to INFO, which the agent doesn't need */
function findings(info: ServerInfo | undefined): readonly Finding[] {
  if (info === undefined)
    return [
      {
        about: "broker",
        verdict: "fine",
        found:
          "Redis answers; its memory and persistence are not known, since the account has no right to INFO",
      },
    ];
  return [
    { about: "broker", verdict: "fine", found: `Redis ${info.version} answers` },
    lookAtMemory(info),
    ...lookAtPersistence(info),
    ...lookAtEviction(info),
  ];
}

function lookAtMemory({ usedMemory, maxMemory }: ServerInfo): Finding {
  const used = megabytes(usedMemory);
  if (maxMemory === undefined)
    return { about: "broker", verdict: "fine", found: `Redis uses ${used} MB, with no limit` };
  const found = `Redis uses ${used} of at most ${megabytes(maxMemory)} MB`;
  if (usedMemory < NEARLY_FULL * maxMemory) return { about: "broker", verdict: "fine", found };
  return {
    about: "broker",
    verdict: "warning",
    found: `${found}: it is full or soon will be, and refuses or evicts records then`,
    advice: "raise maxmemory in redis.conf, or see in chouette status why the queues don't drain",
  };
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

function lookAtPersistence({ hasAppendOnlyFile }: ServerInfo): readonly Finding[] {
  if (hasAppendOnlyFile) return [];
  return [
    {
      about: "broker",
      verdict: "warning",
      found: "Redis keeps no append-only file: a power cut costs all since its last snapshot",
      advice: "set appendonly yes in redis.conf",
    },
  ];
}

function lookAtEviction({ maxMemory, policy }: ServerInfo): readonly Finding[] {
  if (maxMemory === undefined || policy === "noeviction") return [];
  return [
    {
      about: "broker",
      verdict: "warning",
      found: `Redis throws whole queues away when its memory is full (${policy})`,
      advice: "set maxmemory-policy noeviction in redis.conf",
    },
  ];
}
