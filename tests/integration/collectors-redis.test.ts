/** The collectors that read Redis, with a real redis-server and the real BullMQ. */
import { once } from "node:events";
import { connect as connectTcp, createServer } from "node:net";
import { createClient } from "@redis/client";
import { Queue, Worker } from "bullmq";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Collector } from "../../packages/agent/src/collectors/collector.js";
import { bullmqCollector } from "../../packages/agent/src/collectors/redis/bullmq.js";
import { dramatiqCollector } from "../../packages/agent/src/collectors/redis/dramatiq.js";
import { description, redisCollector } from "../../packages/agent/src/collectors/redis/redis.js";
import { RedisProbe } from "../../packages/agent/src/collectors/redis/redis-probe.js";
import { systemClock } from "../../packages/agent/src/runtime/clock.js";
import { listen } from "../support/listening.js";
import { CLOSED_PORT } from "../support/ports.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";

const PASSWORD = "a-password-of-the-test";

let server: RedisServer;
let url: string;
let client: ReturnType<typeof connect>;
beforeAll(async () => {
  server = await startRedis(["--requirepass", PASSWORD]);
  url = `redis://:${PASSWORD}@127.0.0.1:${server.port}`;
  client = connect();
  await client.connect();
});
afterAll(async () => {
  client.destroy();
  await server.stop();
});
beforeEach(async () => {
  await client.flushAll();
});

function connect() {
  const created = createClient({ url, RESP: 2 });
  created.on("error", () => {});
  return created;
}

async function collect(collector: Collector) {
  const problems: string[] = [];
  const signal = AbortSignal.timeout(10_000);
  const report = (problem: string) => void problems.push(problem);
  const metrics = await collector.collect({ clock: systemClock, signal, report });
  return { metrics, problems };
}

async function sizes(collector: Collector): Promise<readonly string[]> {
  const { metrics } = await collect(collector);
  return metrics.map(({ name, value, tags }) => `${name} ${value} ${tags?.queue}`).sort();
}

describe("the dramatiq collector", () => {
  it("gives the size of each queue, and 0 for one that went empty", async () => {
    const collector = dramatiqCollector({ url });
    expect(await sizes(collector)).toEqual([]);
    await client.hSet("dramatiq:default.msgs", { a: "1", b: "2" });
    await client.hSet("dramatiq:default.DQ.msgs", { c: "3" });
    await client.set("dramatiq:default", "a list in the real one");
    expect(await sizes(collector)).toEqual([
      "Chouette.dramatiq.queue_size 1 default.DQ",
      "Chouette.dramatiq.queue_size 2 default",
    ]);
    await client.del("dramatiq:default.msgs");
    expect(await sizes(collector)).toContain("Chouette.dramatiq.queue_size 0 default");
    await collector.close?.();
  });

  it("finds queues among many keys without KEYS", async () => {
    const keys = Array.from({ length: 25_000 }, (_, index): [string, string] => [`other:${index}`, "x"]);
    await client.mSet(keys);
    await client.hSet("dramatiq:hidden.msgs", { a: "1" });
    await client.sendCommand(["CONFIG", "RESETSTAT"]);
    const collector = dramatiqCollector({ url });
    expect(await sizes(collector)).toEqual(["Chouette.dramatiq.queue_size 1 hidden"]);
    const commands = await client.info("commandstats");
    expect(commands).toContain("cmdstat_scan:");
    expect(commands).not.toContain("cmdstat_keys:");
    await collector.close?.();
  });
});

describe("the bullmq collector", () => {
  it("counts no marker of BullMQ 3 and 4 as a job", async () => {
    for (const queue of ["delayed", "moved", "stopped", "plain"])
      await client.hSet(`bull:${queue}:meta`, "a", "b");
    await client.lPush("bull:delayed:wait", ["0:1763800000000"]);
    await client.lPush("bull:moved:wait", ["0:1763800000000", "1", "2"]);
    await client.lPush("bull:stopped:paused", ["0:0", "1"]);
    await client.lPush("bull:plain:wait", ["10", "0"]);
    const collector = bullmqCollector({ url }, "bull");
    const jobs = (await sizes(collector)).filter((line) => / [1-9]/.test(line));
    await collector.close?.();
    expect(jobs).toEqual([
      "Chouette.bullmq.paused 1 stopped",
      "Chouette.bullmq.waiting 2 moved",
      "Chouette.bullmq.waiting 2 plain",
    ]);
  });

  it("counts the jobs of a real queue as BullMQ itself does", async () => {
    const connection = { host: "127.0.0.1", port: server.port, password: PASSWORD };
    const queue = new Queue("mail", { connection });
    const worker = new Worker(
      "mail",
      async (job) => {
        if (job.name === "fails") throw new Error("no such address");
      },
      { connection, autorun: false },
    );
    await queue.addBulk([
      { name: "done", data: {} },
      { name: "fails", data: {} },
      { name: "fails", data: {} },
    ]);
    worker.run().catch(() => {});
    await until("three jobs to end", async () => {
      const { completed = 0, failed = 0 } = await queue.getJobCounts("completed", "failed");
      return completed + failed === 3;
    });
    await worker.close();
    await queue.addBulk([
      { name: "waits", data: {} },
      { name: "waits", data: {} },
      { name: "later", data: {}, opts: { delay: 600_000 } },
      { name: "first", data: {}, opts: { priority: 1 } },
    ]);

    const collector = bullmqCollector({ url }, "bull");
    expect(await sizes(collector)).toEqual([
      "Chouette.bullmq.active 0 mail",
      "Chouette.bullmq.completed 1 mail",
      "Chouette.bullmq.delayed 1 mail",
      "Chouette.bullmq.failed 2 mail",
      "Chouette.bullmq.paused 0 mail",
      "Chouette.bullmq.prioritized 1 mail",
      "Chouette.bullmq.waiting 2 mail",
      "Chouette.bullmq.waiting_children 0 mail",
    ]);
    await collector.close?.();
    await queue.close();
  });
});

describe("the redis collector", () => {
  it("gives what is described, for each server, and has one that is away cost its own metrics only", async () => {
    const collector = redisCollector([{ url }, { port: CLOSED_PORT }]);
    await collect(collector);
    await client.set("a", "1");
    await Promise.all([client.get("a"), client.get("b")]);
    const { metrics, problems } = await collect(collector);
    const values = new Map(metrics.map(({ name, value }) => [name, value]));
    expect(new Set(values.keys())).toEqual(new Set(description.metrics.map(({ name }) => name)));
    expect(values.get("Chouette.redis.hit_rate")).toBe(50);
    expect(values.get("Chouette.redis.keys")).toBe(1);
    expect(values.get("Chouette.redis.persistence.aof_enabled")).toBe(0);
    expect(new Set(metrics.map(({ tags }) => tags?.server))).toEqual(new Set([`127.0.0.1:${server.port}`]));
    expect(problems).toEqual([expect.stringMatching(`^127.0.0.1:${CLOSED_PORT}: `)]);
    await collector.close?.();
  });

  it("connects again in the round after a server came back", async () => {
    const other = await startRedis();
    const collector = redisCollector([{ url: other.url }]);
    expect((await collect(collector)).problems).toEqual([]);
    await other.kill();
    expect((await collect(collector)).problems).toHaveLength(1);
    await other.restart();
    expect((await collect(collector)).problems).toEqual([]);
    await collector.close?.();
    await other.stop();
  });

  it("gives up a server that accepts and never answers when the round's signal is aborted", async () => {
    const silent = await startRedis();
    const collector = redisCollector([{ url: silent.url }]);
    await collect(collector);
    silent.signal("SIGSTOP");
    const problems: string[] = [];
    const report = (problem: string) => void problems.push(problem);
    const signal = AbortSignal.timeout(200);
    expect(await collector.collect({ clock: systemClock, signal, report })).toEqual([]);
    expect(problems).toHaveLength(1);
    silent.signal("SIGCONT");
    await collector.close?.();
    await silent.stop();
  });

  it("opens no connection after the signal was aborted while a Sentinel was asked", async () => {
    const stopping = new AbortController();
    let connections = 0;
    const master = await listen(
      createServer(() => {
        connections += 1;
      }),
    );
    const named = ["*2", "$9", "127.0.0.1", `$${`${master.port}`.length}`, master.port, "*0", ""].join(
      "\r\n",
    );
    const sentinel = await listen(
      createServer((socket) =>
        socket.on("data", () => {
          stopping.abort();
          socket.write(named);
        }),
      ),
    );
    const probe = new RedisProbe({ url: `redis+sentinel://127.0.0.1:${sentinel.port}/master` });
    await expect(probe.with(stopping.signal, async () => {})).rejects.toThrow("aborted");
    // A connection of the probe would arrive before this one.
    await once(connectTcp(master.port, "127.0.0.1"), "connect");
    await until("the server to count", async () => connections > 0);
    expect(connections).toBe(1);
    await sentinel.stop();
    await master.stop();
  });

  it("tells no password, neither in what it says of itself nor in an error", async () => {
    const wrong = redisCollector([{ url: url.replace(PASSWORD, "another-password") }]);
    const { problems } = await collect(wrong);
    expect(problems).toHaveLength(1);
    expect(`${wrong.subject} ${problems}`).not.toMatch(/password-of|another-password/);
    await wrong.close?.();
  });
});
