/** What the check says of real servers, by their kind. */
import { beforeEach, expect, it } from "vitest";
import { cleanUpsAfterEach } from "../../../../tests/support/clean-ups.js";
import { type RedisServer, startRedis } from "../../../../tests/support/redis-server.js";
import { startSentinel } from "../../../../tests/support/sentinels.js";
import { formatOf, type KeySpace } from "./keys.js";
import { newConnection, parsedAddress, type RedisConnection } from "./redis-connection.js";
import { checkServer } from "./server-check.js";

const PLAIN: KeySpace = { namespace: "chouette", isShard: false };
const SHARD: KeySpace = { namespace: "chouette:{0}", isShard: true };

const cleanUps = cleanUpsAfterEach();
let redis: RedisServer;
let settings: readonly string[] = [];

beforeEach(() => {
  settings = [];
});

async function connected(url: string): Promise<RedisConnection> {
  const connection = newConnection(parsedAddress({ url }));
  connection.on("error", () => {});
  cleanUps.push(async () => connection.destroy());
  await connection.connect();
  return connection;
}

async function started(): Promise<RedisConnection> {
  redis = await startRedis(settings);
  cleanUps.push(() => redis.stop());
  return connected(redis.url);
}

/** Undefined if the server is suitable. */
const verdict = (connection: RedisConnection, keys = PLAIN) =>
  checkServer(connection, keys).then(
    () => undefined,
    (error: Error) => `${error.name}: ${error.message}`,
  );

it("accepts a server, also one that knows RESP 2 alone", async () => {
  settings = ["--rename-command", "HELLO", ""];
  expect(await verdict(await started())).toBeUndefined();
});

it("refuses a state of a later version, and says so", async () => {
  const connection = await started();
  await connection.sendCommand(["SET", formatOf("chouette"), "99"]);
  expect(await verdict(connection)).toMatch(/^UnsuitableServerError: .*99/);
});

it("names a node of a Cluster, and leaves a shard the Cluster's own error", async () => {
  settings = ["--cluster-enabled", "yes"];
  const connection = await started();
  expect(await verdict(connection)).toBe(
    "UnsuitableServerError: it is a node of a Redis Cluster, which needs shards: set CHOUETTE_SHARDS",
  );
  expect(await verdict(connection, SHARD)).toMatch(/: CLUSTERDOWN /);
});

it("names a Sentinel, and what to set", async () => {
  const sentinel = await startSentinel([]);
  cleanUps.push(sentinel.stop);
  expect(await verdict(await connected(`redis://${sentinel.address}`))).toBe(
    "UnsuitableServerError: it is a Redis Sentinel, which keeps no data: set REDIS_SENTINELS and REDIS_SENTINEL_MASTER to use the master that it names",
  );
});

it.each([
  [["--rename-command", "MGET", ""]],
  [["--rename-command", "MGET", "", "--rename-command", "ROLE", ""]],
])("passes on the error of a server that isn't one of them: %j", async (renamed) => {
  settings = renamed;
  expect(await verdict(await started())).toMatch(/: ERR unknown command 'MGET'/);
});
