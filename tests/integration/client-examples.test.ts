/** The examples run as their comments say. */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { reservedPort } from "../support/ports.js";
import { redisForTests } from "../support/redis-for-tests.js";
import { type Running, run } from "../support/running.js";

const server = redisForTests();

function example(name: string, env: Readonly<Record<string, string>> = {}): Running {
  const file = fileURLToPath(new URL(`../../examples/client/${name}`, import.meta.url));
  return run(process.execPath, [file], { env: { REDIS_URL: server.redis.url, ...env } });
}

async function metrics(): Promise<readonly string[]> {
  return (await server.broker.records()).map(({ json }) => (json as { metric: string }).metric);
}

test("basics", async () => {
  const running = example("basics.mjs");
  expect(await running.ended).toBe(0);
  expect(running.output()).toMatch(/the sum is 499999500000\n(stored|not stored yet)/);
  const kinds = ["count", "gauge", "histogram", "rate", "set"].map((kind) => `my.${kind}.metric`);
  expect(await metrics()).toEqual(expect.arrayContaining([...kinds, "my.sum.time"]));
});

test("a service, to its end by Ctrl-C", async () => {
  const port = await reservedPort();
  const running = example("service.mjs", { PORT: `${port}` });
  await running.wrote("/hello");
  expect(await (await fetch(`http://127.0.0.1:${port}/hello`)).text()).toBe("hello\n");
  expect((await fetch(`http://127.0.0.1:${port}/nowhere`)).status).toBe(404);
  expect(await running.end("SIGINT")).toBe("SIGINT");
  const seen = await metrics();
  expect(seen).toEqual(
    expect.arrayContaining(["hello.greetings", "hello.http.requests", "hello.http.request.duration"]),
  );
  expect(await server.broker.size("chouette:logs:wrapped")).toBe(1);
});

test.each([
  ["express.mjs", "/hello/anna"],
  ["fastify.mjs", "/hello/anna"],
])("%s, to its end by Ctrl-C", async (name, path) => {
  const running = example(name, { PORT: "0" });
  await running.wrote(path);
  const address = /http:\/\/\S+/.exec(running.output())?.[0] ?? "";
  expect(await (await fetch(address)).text()).toBe("hello anna\n");
  expect(await running.end("SIGINT")).toBe("SIGINT");
  const seen = await metrics();
  expect(seen).toEqual(expect.arrayContaining(["shop.greetings", "shop.http.requests"]));
});

test("logs by pino and winston, metrics of threads and of a cluster", async () => {
  const all = ["pino.mjs", "winston.mjs", "worker-threads.mjs", "cluster.mjs"].map((name) => example(name));
  expect(await Promise.all(all.map(({ ended }) => ended))).toEqual([0, 0, 0, 0]);
  expect(await server.broker.size("chouette:logs:wrapped")).toBe(4);
  const seen = await metrics();
  expect(seen.filter((metric) => metric === "jobs.done")).toHaveLength(4);
  expect(seen).toContain("jobs.started");
});
