/** Processes of their own, with the client as it is built: how they end, and what is stored then. */
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Broker, lookInto } from "../support/broker-records.js";
import { freePort } from "../support/ports.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { type Running, run } from "../support/running.js";

const entry = fileURLToPath(new URL("../../packages/client/dist/index.js", import.meta.url));
let redis: RedisServer;
let broker: Broker;

beforeAll(async () => {
  redis = await startRedis();
  broker = await lookInto(redis.url);
});
afterAll(async () => {
  await broker.close();
  await redis.stop();
});
beforeEach(() => broker.command("FLUSHALL"));

function program(body: string, port: number): Running {
  const source = `import { ChouetteClient } from ${JSON.stringify(entry)};\n${body}`;
  return run(process.execPath, ["--input-type=module", "--eval", source], {
    env: { REDIS_HOST: "127.0.0.1", REDIS_PORT: `${port}`, REDIS_URL: undefined },
  });
}

test("a program that says nothing more ends, and what it counted is stored", async () => {
  const running = program(
    "for (let i = 0; i < 1234; i++) ChouetteClient.count('m', 1, { timestamp: i });",
    redis.port,
  );
  expect(await running.ended).toBe(0);
  expect(running.output()).toBe("");
  expect(await broker.size()).toBe(1234);
});

test("a program can await its calls at its top level", async () => {
  const running = program("console.log(await ChouetteClient.count('m', 1));", redis.port);
  expect(await running.ended).toBe(0);
  expect(running.output()).toBe("true\n");
});

test("a program without a broker ends by itself", async () => {
  const running = program("ChouetteClient.count('m', 1);", await freePort());
  expect(await running.ended).toBe(0);
  expect(running.output()).toBe("");
});
