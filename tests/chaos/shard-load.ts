/**
 * The load of the shards' chaos test: programs that use the real client, and one that stores records in the original's queue by
 * Python's library. They share their series, and every shard gets the same number of records.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { queueNames } from "@chouette-iot/queue";
import { shardOf } from "@chouette-iot/record";
import type { ChouetteClient } from "chouette-iot-client";
import { storeByPython } from "../support/python-redis.js";
import type { Call } from "./journals.js";

const TYPES = ["count", "gauge", "set", "histogram"] as const;
const ZONES = ["z0", "z1"];
const TURN_MS = 50;
/** Between two runs of Python, each of which stores records for the time since the last one. */
const PYTHON_REST_MS = 700;
const FLUSH_MS = 30_000;

/** Names of metrics, one of each type for each shard. */
export class ShardMetrics {
  readonly shards: number;
  /** By shard. */
  readonly names: readonly (readonly { readonly type: Call["type"]; readonly metric: string }[])[];
  readonly #shardByName = new Map<string, number>();

  constructor(shards: number) {
    this.shards = shards;
    this.names = Array.from({ length: shards }, (_, shard) =>
      TYPES.map((type) => ({ type, metric: this.#nameIn(shard, type) })),
    );
  }

  /** The shard of a ready metric, which may have the suffix of a histogram's statistic; undefined for other metrics. */
  shardOfReady(metric: string): number | undefined {
    const [raw = ""] = /^fire\.[a-z]+\.\d+/.exec(metric) ?? [];
    return this.#shardByName.get(raw);
  }

  #nameIn(shard: number, type: string): string {
    for (let number = 0; ; number++) {
      const name = `fire.${type}.${number}`;
      if (shardOf(name, this.shards) !== shard) continue;
      this.#shardByName.set(name, shard);
      return name;
    }
  }
}

export interface Load {
  /** Texts of the logs so far. */
  readonly logs: readonly string[];
  /** Number of raw metrics that it has stored. */
  storedMetrics(): number;
  /** Stops, and resolves when everything is stored. Rejects if something is not. */
  stop(): Promise<void>;
}

/** The call of this number for a shard: types and zones in turn. */
function callFor(metrics: ShardMetrics, shard: number, number: number, at: number): Call {
  const { type, metric } = metrics.names[shard]?.[number % TYPES.length] ?? { type: "count", metric: "" };
  const zone = ZONES[Math.floor(number / TYPES.length) % ZONES.length] ?? "";
  const value = type === "set" ? `e${(number * 7) % 50}` : ((number * 31) % 997) + 1;
  return { type, metric, zone, value, at };
}

/** Times are unique to the microsecond, so that no two gauges of a context have the same. */
function uniqueTime(now: number, program: number, call: number): number {
  return now / 1000 + (program * 100 + call) * 1e-6;
}

/**
 * A program that makes a call for each shard and writes a log in each turn.
 * @param program its number, unique among programs
 * @param record called with each call
 */
export function startProgram(
  client: ChouetteClient,
  metrics: ShardMetrics,
  program: number,
  record: (call: Call) => void,
): Load {
  const log = client.logSink({ service: "fire" });
  const logs: string[] = [];
  let turn = 0;
  const timer = setInterval(() => {
    const now = Date.now();
    for (let shard = 0; shard < metrics.shards; shard++) {
      const call = callFor(metrics, shard, turn, uniqueTime(now, program, shard));
      send(client, call);
      record(call);
    }
    const text = `${program} ${turn}`;
    log.info(text);
    logs.push(text);
    turn += 1;
  }, TURN_MS);
  return {
    logs,
    storedMetrics: () => client.stats().stored - logs.length,
    stop: async () => {
      clearInterval(timer);
      const isFlushed = await client.flush({ timeoutMs: FLUSH_MS });
      const { buffered, dropped, lastError } = client.stats();
      const lost = Object.values(dropped).reduce((sum, count) => sum + count, buffered);
      if (!isFlushed || lost > 0)
        throw new Error(`program ${program}: ${lost} records are not stored: ${lastError?.message}`);
    },
  };
}

function send(client: ChouetteClient, { type, metric, zone, value, at }: Call): void {
  const options = { tags: { zone }, timestamp: at };
  if (typeof value === "string") void client.set(metric, value, options);
  else if (type === "gauge") void client.gauge(metric, value, options);
  else if (type === "histogram") void client.histogram(metric, value, options);
  else void client.count(metric, value, options);
}

/** A Python program that stores records of all shards in the original's raw queue. */
export function startPythonProgram(
  port: number,
  metrics: ShardMetrics,
  program: number,
  record: (call: Call) => void,
): Load {
  const queue = queueNames().rawMetrics;
  let isStopped = false;
  let stored = 0;
  const storeTurn = async (turn: number) => {
    const calls: Call[] = [];
    for (let shard = 0; shard < metrics.shards; shard++) {
      for (let number = 0; number < TYPES.length; number++) {
        const unique = uniqueTime(Date.now(), program, shard * TYPES.length + number);
        calls.push(callFor(metrics, shard, turn * TYPES.length + number, unique));
      }
    }
    await storeByPython(
      port,
      "batch",
      calls.map((call) => ({ queue, score: call.at, json: originalJson(call) })),
    );
    for (const call of calls) record(call);
    stored += calls.length;
  };
  const storing = (async () => {
    for (let turn = 0; !isStopped; turn++) {
      await storeTurn(turn);
      await sleep(PYTHON_REST_MS);
    }
  })();
  // Awaited by `stop`; until then it isn't an unhandled rejection.
  storing.catch(() => {});
  return {
    logs: [],
    storedMetrics: () => stored,
    stop: () => {
      isStopped = true;
      return storing;
    },
  };
}

function originalJson({ type, metric, zone, value, at }: Call): string {
  const stored = type === "set" ? [value] : value;
  return JSON.stringify({ metric, type, value: stored, timestamp: at, tags: { zone } });
}
