/** How `chouette doctor` looks at a Redis server: whether it answers, and whether it keeps what it is given. */
import { connectRedis } from "@chouette-iot/queue/redis";
import type { Config } from "../config/config.js";
import { redisAddress } from "../config/redis-address.js";
import type { Finding } from "./doctor-checks.js";

const DEADLINE_MS = 5_000;

export async function lookAtRedis({ settings }: Config): Promise<readonly Finding[]> {
  try {
    const info = parseInfo(await redisInfo(redisAddress(settings)));
    return [
      { about: "broker", verdict: "fine", found: `Redis ${info.get("redis_version") ?? "?"} answers` },
      ...lookAtPersistence(info),
      ...lookAtEviction(info),
    ];
  } catch (error) {
    return [
      {
        about: "broker",
        verdict: "wrong",
        found: `Redis does not answer: ${error instanceof Error ? error.message : String(error)}`,
        advice:
          "start it, or look at REDIS_HOST, REDIS_PORT and REDIS_URL (user, password, rediss:// for TLS)",
      },
    ];
  }
}

function lookAtPersistence(info: ReadonlyMap<string, string>): readonly Finding[] {
  if (info.get("aof_enabled") !== "0") return [];
  return [
    {
      about: "broker",
      verdict: "warning",
      found: "Redis keeps no append-only file: a power cut costs all since its last snapshot",
      advice: "set appendonly yes in redis.conf",
    },
  ];
}

function lookAtEviction(info: ReadonlyMap<string, string>): readonly Finding[] {
  const policy = info.get("maxmemory_policy") ?? "noeviction";
  if ((info.get("maxmemory") ?? "0") === "0" || policy === "noeviction") return [];
  return [
    {
      about: "broker",
      verdict: "warning",
      found: `Redis throws whole queues away when its memory is full (${policy})`,
      advice: "set maxmemory-policy noeviction in redis.conf",
    },
  ];
}

async function redisInfo(address: ReturnType<typeof redisAddress>): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  let stop = () => {};
  try {
    return await new Promise<string>((resolve, reject) => {
      const connection = connectRedis(address, {
        onConnected: () => void connection.sendCommand<string>(["INFO"]).then(resolve, reject),
        onDisconnected: reject,
      });
      stop = () => connection.destroy();
      timer = setTimeout(() => reject(new Error(`nothing within ${DEADLINE_MS / 1000} s`)), DEADLINE_MS);
    });
  } finally {
    clearTimeout(timer);
    stop();
  }
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  const pairs = text.split("\r\n").map((line) => line.split(":"));
  return new Map(
    pairs.flatMap(([name = "", value]) => (value === undefined ? [] : [[name, value] as const])),
  );
}
