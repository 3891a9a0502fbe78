/** The examples run as their comments say. */
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Broker, lookInto } from "../support/broker-records.js";
import { freePort } from "../support/ports.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { type Running, run } from "../support/running.js";

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

function example(name: string, env: Readonly<Record<string, string>> = {}): Running {
  const file = fileURLToPath(new URL(`../../examples/client/${name}`, import.meta.url));
  return run(process.execPath, [file], { env: { REDIS_URL: redis.url, ...env } });
}

async function metrics(): Promise<readonly string[]> {
  return (await broker.records()).map(({ json }) => (json as { metric: string }).metric);
}

test("basics", async () => {
  const running = example("basics.mjs");
  expect(await running.ended).toBe(0);
  expect(running.output()).toContain("the sum is 499999500000\nstored");
  const kinds = ["count", "gauge", "histogram", "rate", "set"].map((kind) => `my.${kind}.metric`);
  expect(await metrics()).toEqual(expect.arrayContaining([...kinds, "my.sum.time"]));
});

test("a service, to its end by Ctrl-C", async () => {
  const port = await freePort();
  const running = example("service.mjs", { PORT: `${port}` });
  await running.wrote("/hello");
  expect(await (await fetch(`http://127.0.0.1:${port}/hello`)).text()).toBe("hello\n");
  expect((await fetch(`http://127.0.0.1:${port}/nowhere`)).status).toBe(404);
  expect(await running.end("SIGINT")).toBe("SIGINT");
  const seen = await metrics();
  expect(seen).toEqual(
    expect.arrayContaining(["hello.greetings", "hello.http.requests", "hello.http.request.duration"]),
  );
  expect(await broker.size("chouette:logs:wrapped")).toBe(1);
});
