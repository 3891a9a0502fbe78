/** An agent that ends, or goes on with other settings, while a body is out: its answer is waited for, for some seconds. */
import { once } from "node:events";
import { chmod, writeFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gunzipSync, inflateSync } from "node:zlib";
import { queueNames } from "@chouette-iot/queue";
import { RedisStore } from "@chouette-iot/queue/redis";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AgentSettings, brokerPort, startAgentProcess } from "../support/agent-process.js";
import { newFolder } from "../support/folders.js";
import { startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";

const queues = queueNames();
const LOGS = 50;

let cleanUps: (() => Promise<unknown>)[] = [];
let folder: Awaited<ReturnType<typeof newFolder>>;
beforeEach(async () => {
  folder = await newFolder();
  cleanUps = [folder.remove];
});
afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

/** Takes logs and has their senders wait for the answer until it is told to give it. */
async function startSlowIntake() {
  const taken: unknown[] = [];
  const waiting: ServerResponse[] = [];
  let isSlow = true;
  const answer = (response: ServerResponse) => response.writeHead(202).end("{}");
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    const encoding = request.headers["content-encoding"];
    const text = encoding === "gzip" ? gunzipSync(body) : encoding === "deflate" ? inflateSync(body) : body;
    taken.push(...JSON.parse(text.toString()));
    if (isSlow) waiting.push(response);
    else answer(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanUps.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken,
    answer: () => {
      isSlow = false;
      for (const response of waiting.splice(0)) answer(response);
    },
  };
}

async function startAgent(settings: AgentSettings) {
  const agent = await startAgentProcess({ API_KEY: "any", ...settings });
  cleanUps.push(() => agent.end("SIGKILL"));
  return agent;
}

const brokers = {
  embedded: async () => ({ CHOUETTE_LISTEN: "127.0.0.1:0", CHOUETTE_DATA_DIR: join(folder.path, "data") }),
  "a Redis server": async () => {
    const redis = await startRedis();
    cleanUps.push(() => redis.stop());
    return { REDIS_URL: redis.url };
  },
};

describe.each(Object.entries(brokers))("logs that are out arrive once, with the broker %s", (_, broker) => {
  it.each([
    ["before the agent has ended after SIGTERM", "SIGTERM"],
    ["before the agent goes on with other settings after SIGHUP", "SIGHUP"],
  ] as const)("if they are answered %s", { timeout: 60_000 }, async (__, signal) => {
    const intake = await startSlowIntake();
    const file = join(folder.path, "chouette.yaml");
    await writeFile(file, "release_interval: 1\n");
    await chmod(file, 0o600);
    const settings: AgentSettings = {
      ...(await broker()),
      DATADOG_URL: `${intake.url}/api`,
      DATADOG_LOGS_URL: intake.url,
      CHOUETTE_CONFIG: file,
    };
    const first = await startAgent(settings);
    const url = settings.REDIS_URL ?? `redis://127.0.0.1:${await brokerPort(first)}`;
    const store = new RedisStore({ url });
    cleanUps.push(() => store.close());
    const now = Date.now() / 1000;
    const value = JSON.stringify({ date: new Date().toISOString(), message: { msg: "m" }, ddtags: [] });
    const logs = Array.from({ length: LOGS }, (_, index) => ({ id: `id${index}`, score: now, value }));
    await until("the logs to be stored", () => store.append(queues.logs, logs).then(() => true));
    await until("the logs to be out", () => intake.taken.length >= LOGS);
    await writeFile(file, "release_interval: 2\n");
    first.child.kill(signal);
    // Meanwhile it has the time to do what it shouldn't: to give the answer up, or to send again.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    intake.answer();
    if (signal === "SIGTERM") {
      expect(await first.ended).toBe(0);
      await startAgent(settings);
    } else await first.wrote("settings reloaded");
    // What comes after them has passed all that could be left of them.
    const second = new RedisStore({
      url: settings.REDIS_URL ?? `redis://127.0.0.1:${await brokerPort(first)}`,
    });
    cleanUps.push(() => second.close());
    if (settings.REDIS_URL !== undefined || signal === "SIGHUP") {
      await until("a later log to be stored", () =>
        second.append(queues.logs, [{ id: "later", score: now + 1, value }]).then(() => true),
      );
      await until("the later log", () => intake.taken.length > LOGS);
    } else await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(intake.taken.length).toBeLessThanOrEqual(LOGS + 1);
  });
});
