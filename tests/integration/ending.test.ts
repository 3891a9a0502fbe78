/** An agent that shuts down or reloads while a request is in flight waits a few seconds for its answer. */
import { chmod, writeFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync, inflateSync } from "node:zlib";
import { type NewRecord, queueNames } from "@chouette-iot/queue";
import { append } from "@chouette-iot/queue/redis/append";
import { newConnection, parsedAddress } from "@chouette-iot/queue/redis/connection";
import { beforeEach, describe, expect, it } from "vitest";
import { type AgentSettings, brokerPort, startAgentProcess } from "../support/agent-process.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { newFolder } from "../support/folders.js";
import { listen } from "../support/listening.js";
import { startRedis } from "../support/redis-server.js";
import type { Running } from "../support/running.js";
import { until } from "../support/until.js";

const queues = queueNames();
const LOGS = 50;

const cleanUps = cleanUpsAfterEach();
let folder: Awaited<ReturnType<typeof newFolder>>;
beforeEach(async () => {
  folder = await newFolder();
  cleanUps.push(folder.remove);
});
/** Accepts logs, and holds the answer back until the test releases it. */
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
  const { port, stop } = await listen(server);
  cleanUps.push(stop);
  return {
    url: `http://127.0.0.1:${port}`,
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

/** Stores logs as a client of the agent's broker does. */
async function store(settings: AgentSettings, agent: Running, logs: readonly NewRecord[]): Promise<void> {
  const url = settings.REDIS_URL ?? `redis://127.0.0.1:${await brokerPort(agent)}`;
  const connection = newConnection(parsedAddress({ url }));
  await connection.connect();
  await append(connection, queues.logs, logs);
  await connection.close();
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
    const now = Date.now() / 1000;
    const value = JSON.stringify({ date: new Date().toISOString(), message: { msg: "m" }, ddtags: [] });
    const log = (id: string) => ({ id, score: now, value });
    await store(
      settings,
      first,
      Array.from({ length: LOGS }, (_, index) => log(`id${index}`)),
    );
    await until("the logs to be out", () => intake.taken.length >= LOGS);
    await writeFile(file, "release_interval: 2\n");
    first.child.kill(signal);
    // Time in which a faulty agent would give the answer up, or send again.
    await sleep(1_500);
    intake.answer();
    const ended = signal === "SIGTERM";
    if (ended) expect(await first.ended).toBe(0);
    else await first.wrote("settings reloaded");
    // Later records have passed everything that could be left of them.
    await store(settings, ended ? await startAgent(settings) : first, [log("later")]);
    await until("the later log", () => intake.taken.length > LOGS);
    expect(intake.taken).toHaveLength(LOGS + 1);
  });
});
