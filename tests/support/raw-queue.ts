/** A raw queue in a real Redis, filled as any client may fill it. */
import { createClient } from "@redis/client";
import { until } from "./until.js";

export interface RawQueue {
  /** Stores a value under a new id, as a client does. */
  put(value: string, score: number): Promise<void>;
  /** Stores an id alone, or a value alone. */
  putApart(part: { readonly id?: string; readonly value?: string }, score: number): Promise<void>;
  /** The dead letters, decoded. */
  rejected(): Promise<readonly { readonly reason: string; readonly value: string | null }[]>;
  /** Deletes a key, as a person might. */
  delete(key: string): Promise<void>;
  /** Resolves when the raw and the ready queue are empty. */
  drained(): Promise<void>;
  close(): Promise<void>;
}

export async function openRawQueue(port: number): Promise<RawQueue> {
  const redis = createClient({ RESP: 2, url: `redis://127.0.0.1:${port}` });
  redis.on("error", () => {});
  await redis.connect();
  let ids = 0;
  const newId = () => `test-${++ids}`;
  return {
    put: async (value, score) => {
      const id = newId();
      await redis
        .multi()
        .addCommand(["ZADD", "chouette:metrics:raw.keys", `${score}`, id])
        .addCommand(["HSET", "chouette:metrics:raw.values", id, value])
        .exec();
    },
    putApart: async ({ id, value }, score) => {
      if (id !== undefined) await redis.sendCommand(["ZADD", "chouette:metrics:raw.keys", `${score}`, id]);
      if (value !== undefined)
        await redis.sendCommand(["HSET", "chouette:metrics:raw.values", newId(), value]);
    },
    rejected: async () => {
      const values = await redis.sendCommand<string[]>(["HVALS", "chouette:rejected.values"]);
      return values.map((value) => JSON.parse(value));
    },
    delete: async (key) => {
      await redis.del(key);
    },
    drained: async () => {
      await until("the raw and the ready queue to be empty", async () => {
        const sizes = await Promise.all(
          ["chouette:metrics:raw.keys", "chouette:metrics:wrapped.keys"].map((key) =>
            redis.sendCommand<number>(["ZCARD", key]),
          ),
        );
        return sizes.every((size) => size === 0);
      });
    },
    close: async () => {
      await redis.close();
    },
  };
}
