/** A broker as the programs of a device see it: stores records and reads them, with plain commands. */
import { queueNames } from "@chouette-iot/queue";
import { createClient } from "@redis/client";
import { until } from "./until.js";

export interface BrokerRecord {
  readonly id: string;
  readonly score: number;
  readonly json: unknown;
}

export interface DeadLetter {
  readonly reason: string;
  readonly queue: string;
  readonly value: string | null;
}

export interface Broker {
  /** The records of a queue, by default the raw queue. Only of a Redis. */
  records(queue?: string): Promise<readonly BrokerRecord[]>;
  size(queue?: string): Promise<number>;
  command(...args: readonly string[]): Promise<unknown>;
  /** Stores a value as clients do. @param score now by default */
  put(value: string, score?: number | string, queue?: string, id?: string): Promise<void>;
  rejected(): Promise<readonly DeadLetter[]>;
  /** Resolves when these queues are empty; by default those of raw and ready metrics. */
  drained(queues?: readonly string[], deadlineMs?: number): Promise<void>;
  close(): Promise<void>;
}

const { rawMetrics, readyMetrics, rejected } = queueNames();

export async function lookInto(url: string): Promise<Broker> {
  const redis = createClient({ url });
  redis.on("error", () => {});
  await redis.connect();
  const size = (queue = rawMetrics) => redis.zCard(`${queue}.keys`);
  let ids = 0;
  return {
    records: async (queue = rawMetrics) => {
      const placed = await redis.zRangeWithScores(`${queue}.keys`, 0, -1);
      const values = await redis.hGetAll(`${queue}.values`);
      return placed.map(({ value: id, score }) => ({ id, score, json: JSON.parse(values[id] ?? "null") }));
    },
    size,
    command: (...args) => redis.sendCommand([...args]),
    put: async (value, score = Date.now() / 1000, queue = rawMetrics, id = `test-${++ids}`) => {
      const add = ["ZADD", `${queue}.keys`, `${score}`, id];
      await redis
        .multi()
        .addCommand(add)
        .addCommand(["HSET", `${queue}.values`, id, value])
        .exec();
    },
    rejected: async () => {
      const letters = await redis.zRange(`${rejected}.keys`, 0, -1);
      const values = letters.length === 0 ? [] : await redis.hmGet(`${rejected}.values`, letters);
      return values.map((value) => JSON.parse(value ?? ""));
    },
    drained: async (queues = [rawMetrics, readyMetrics], deadlineMs) => {
      const isEmpty = async () => (await Promise.all(queues.map(size))).every((left) => left === 0);
      await until(`${queues} to be empty`, isEmpty, deadlineMs);
    },
    close: async () => redis.destroy(),
  };
}
