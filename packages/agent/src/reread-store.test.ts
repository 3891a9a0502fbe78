import { StaleEpochError, type Store } from "@chouette-iot/queue";
import { RedisStore } from "@chouette-iot/queue/redis";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { redisForTests } from "../../../tests/support/redis-for-tests.js";
import { until } from "../../../tests/support/until.js";
import { rereadAfterReconnect } from "./reread-store.js";

const server = redisForTests();
const count = { count: new Map([["settled", 1]]) };
let redis: RedisStore;
let store: Store;

beforeEach(async () => {
  redis = new RedisStore({ url: server.redis.url });
  await until("the connection", async () => (await redis.size("q")) >= 0);
  store = rereadAfterReconnect(redis);
});
afterEach(() => redis.close());

async function reconnect(): Promise<void> {
  const before = redis.epoch;
  await server.broker.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  await until("the connection to be another one", () => redis.epoch > before);
}

const dependents = [
  ["state", (store: Store) => store.state(["a"])],
  ["stateWithPrefix", (store: Store) => store.stateWithPrefix("a")],
  ["read", (store: Store) => store.read("q", { limit: 1 })],
  ["orphans", (store: Store) => store.orphans("q", 1)],
  ["settle", (store: Store) => store.settle(count)],
] as const;

describe("a store that is to be read again after a reconnect", () => {
  it.each(dependents)("fails after each until state is read, which fails once: %s", async (name, call) => {
    const readsState = name.startsWith("state");
    await call(store);
    for (let round = 0; round < 2; round++) {
      await reconnect();
      await expect(call(store)).rejects.toThrow(StaleEpochError);
      // A page that is read ahead may fail before a settlement that knows nothing of it.
      if (!readsState) await expect(store.settle(count)).rejects.toThrow(StaleEpochError);
      if (!readsState) await expect(store.stateWithPrefix("a")).rejects.toThrow(StaleEpochError);
      for (const [, next] of dependents) await next(store);
    }
  });

  it("settles nothing that was begun before the reconnect", async () => {
    await reconnect();
    await store.settle(count).catch(() => {});
    expect(await redis.counters()).toEqual(new Map());
    // The connection breaks below it, between its look and the engine's.
    const between: Store = rereadAfterReconnect(
      new Proxy(redis, {
        get: (target, name) => (name === "epoch" ? 0 : Reflect.get(target, name).bind?.(target)),
      }),
    );
    await expect(between.settle(count)).rejects.toThrow(StaleEpochError);
    expect(await redis.counters()).toEqual(new Map());
  });

  it("lets through what depends on nothing that was read", async () => {
    await reconnect();
    await store.append("q", [{ id: "a", score: 1, value: "{}" }]);
    expect(await store.size("q")).toBe(1);
    expect(await store.counters()).toEqual(new Map());
    expect(store.epoch).toBe(redis.epoch);
    await expect(store.read("q", { limit: 1 })).rejects.toThrow(StaleEpochError);
  });
});
