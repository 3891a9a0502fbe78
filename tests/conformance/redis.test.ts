import { type RedisConnection, RedisStore } from "@chouette-iot/queue/redis";
import { singleConnection } from "@chouette-iot/queue/redis/connection";
import { afterAll, beforeAll, describe } from "vitest";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";
import type { Subject } from "./subject.js";
import { describeConformance } from "./suite.js";

let server: RedisServer;
let raw: RedisConnection;

describe("on a server that runs on", () => {
  startedWith([]);
  describeConformance("the Redis engine", {
    hasClients: true,
    sequences: 40,
    newSubject: () => newRedis(async () => {}),
  });
});

describe("on a server that is killed and started again at each reopening", () => {
  startedWith(["--appendonly", "yes", "--appendfsync", "always"]);
  const killed = async () => {
    await server.kill();
    await server.restart();
    raw = await connected();
  };
  describeConformance("the Redis engine", {
    hasClients: true,
    sequences: 15,
    newSubject: () => newRedis(killed),
  });
});

function startedWith(settings: readonly string[]): void {
  beforeAll(async () => {
    server = await startRedis(settings);
    raw = await connected();
  });
  afterAll(async () => {
    raw.destroy();
    await server.stop();
  });
}

async function connected(): Promise<RedisConnection> {
  const connection = singleConnection({ url: server.url });
  connection.on("error", () => {});
  await connection.connect();
  return connection;
}

async function newRedis(between: () => Promise<void>): Promise<Subject> {
  await raw.sendCommand(["FLUSHALL"]);
  const open = async () => {
    const store = new RedisStore({ url: server.url });
    await until("the store's connection", async () => (await store.size("chouette:any")) >= 0);
    return store;
  };
  let store = await open();
  return {
    get store() {
      return store;
    },
    reopen: async () => {
      await store.close();
      await between();
      store = await open();
    },
    close: () => store.close(),
    client: {
      storeId: async (queue, { score, id }) => {
        await raw.sendCommand(["ZADD", `${queue}.keys`, `${score}`, id]);
      },
      storeValue: async (queue, id, value) => {
        await raw.sendCommand(["HSET", `${queue}.values`, id, value]);
      },
    },
  };
}
