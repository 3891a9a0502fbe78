/** One redis-server for a test file, empty before each test. */
import { afterAll, beforeAll, beforeEach } from "vitest";
import { type Broker, lookInto } from "./broker-records.js";
import { type RedisServer, startRedis } from "./redis-server.js";

export interface RedisForTests {
  /** Defined from the first test on. */
  readonly redis: RedisServer;
  readonly broker: Broker;
}

export function redisForTests(): RedisForTests {
  let redis: RedisServer | undefined;
  let broker: Broker | undefined;
  beforeAll(async () => {
    redis = await startRedis();
    broker = await lookInto(redis.url);
  });
  beforeEach(() => broker?.command("FLUSHALL"));
  afterAll(async () => {
    await broker?.close();
    await redis?.stop();
  });
  const there = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error("the redis-server is there from the first test on");
    return value;
  };
  return {
    get redis() {
      return there(redis);
    },
    get broker() {
      return there(broker);
    },
  };
}
