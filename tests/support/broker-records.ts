/** Reads the records in a Redis queue as the agent will find them. */
import { createClient } from "@redis/client";

export interface BrokerRecord {
  readonly id: string;
  readonly score: number;
  readonly json: unknown;
}

export interface Broker {
  records(queue?: string): Promise<readonly BrokerRecord[]>;
  size(queue?: string): Promise<number>;
  command(...args: readonly string[]): Promise<unknown>;
  close(): Promise<void>;
}

const RAW = "chouette:metrics:raw";

export async function lookInto(url: string): Promise<Broker> {
  const redis = createClient({ url });
  redis.on("error", () => {});
  await redis.connect();
  return {
    records: async (queue = RAW) => {
      const ids = await redis.zRangeWithScores(`${queue}.keys`, 0, -1);
      const values = await redis.hGetAll(`${queue}.values`);
      return ids.map(({ value: id, score }) => ({ id, score, json: JSON.parse(values[id] ?? "null") }));
    },
    size: (queue = RAW) => redis.zCard(`${queue}.keys`),
    command: (...args) => redis.sendCommand([...args]),
    close: async () => redis.destroy(),
  };
}
