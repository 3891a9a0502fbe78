/** The number of shards in a real Redis. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../../../../tests/support/redis-server.js";
import { newConnection, parsedAddress, type RedisConnection } from "./redis-connection.js";
import { readShards, replaceShards } from "./shard-count.js";

let redis: RedisServer;
let connection: RedisConnection;
beforeAll(async () => {
  redis = await startRedis();
  connection = newConnection(parsedAddress({ url: redis.url }));
  connection.on("error", () => {});
  await connection.connect();
});
afterAll(async () => {
  connection.destroy();
  await redis.stop();
});

it("is read as it was stored, and replaced only if it is the expected one", async () => {
  const read = () => readShards(connection, "n");
  const replace = (from: number | undefined, to: number) => replaceShards(connection, "n", from, to);
  expect(await read()).toBeUndefined();
  expect([await replace(4, 8), await read()]).toEqual([false, undefined]);
  expect([await replace(undefined, 4), await read()]).toEqual([true, 4]);
  expect([await replace(undefined, 2), await replace(3, 2), await read()]).toEqual([false, false, 4]);
  expect([await replace(4, 16), await read()]).toEqual([true, 16]);
});

it.each(["", "0", "-1", "1.5", "1e3", "1000000", "x"])("that is %j is refused, and named", async (text) => {
  const [key = ""] = await connection.sendCommand<string[]>(["KEYS", "n*shards*"]);
  await connection.sendCommand(["SET", key, text]);
  await expect(readShards(connection, "n")).rejects.toThrow(`${key} is ${JSON.stringify(text)}`);
});
