/** Delivery by a real agent: with little memory, and with secrets in its settings. */
import { chmod, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { promisify } from "node:util";
import { inflate } from "node:zlib";
import { beforeEach, describe, expect, it } from "vitest";
import { type AgentSettings, runChouette, startAgentProcess } from "../support/agent-process.js";
import { lookInto } from "../support/broker-records.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { newFolder } from "../support/folders.js";
import { listen } from "../support/listening.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";

const KEY = "0123456789abcdef0123456789abcdef";
const LOGS = "chouette:logs:wrapped";
const METRICS = "chouette:metrics:wrapped";
const inflated = promisify(inflate);

const cleanUps = cleanUpsAfterEach();
let redis: RedisServer;

beforeEach(async () => {
  redis = await startRedis();
  cleanUps.push(() => redis.stop());
});

/** Accepts everything, and keeps only what `onBody` does. */
async function startIntake(
  onBody: (path: string, body: Buffer, answer: () => void) => void,
): Promise<string> {
  const read = async (request: IncomingMessage, response: ServerResponse) => {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const answer = () => response.writeHead(202).end("{}");
    onBody(request.url ?? "", Buffer.concat(parts), answer);
  };
  const server = createServer((request, response) => void read(request, response).catch(() => {}));
  const { port, stop } = await listen(server);
  cleanUps.push(stop);
  return `http://127.0.0.1:${port}`;
}

async function openQueue() {
  const broker = await lookInto(redis.url);
  cleanUps.push(() => broker.close());
  const put = (queue: string, value: string) => broker.put(value, Date.now() / 1000 - 60, queue);
  return { ...broker, put };
}

function settingsFor(url: string): AgentSettings {
  return {
    API_KEY: KEY,
    DATADOG_URL: `${url}/api`,
    DATADOG_LOGS_URL: url,
    REDIS_URL: redis.url,
    RELEASE_INTERVAL: "1",
  };
}

async function startAgent(settings: AgentSettings) {
  const agent = await startAgentProcess(settings);
  cleanUps.push(() => agent.end());
  return agent;
}

const logOf = (text: string) =>
  JSON.stringify({ date: new Date().toISOString(), ddtags: [], message: { msg: text } });

async function logsIn(body: Buffer): Promise<readonly { readonly message: { readonly msg: string } }[]> {
  return JSON.parse((await inflated(body)).toString());
}

describe("with a heap of 256 MB", () => {
  it("200 logs of 1 MB and 100 ready metrics of 300 kB are delivered", async () => {
    let logs = 0;
    const url = await startIntake((path, body, answer) => {
      if (path !== "/api/v2/logs") return answer();
      void logsIn(body).then((received) => {
        logs += received.length;
        answer();
      });
    });
    const queue = await openQueue();
    const text = "x".repeat(1_000_000);
    for (let index = 0; index < 200; index++) await queue.put(LOGS, logOf(text));
    const at = Math.floor(Date.now() / 1000) - 60;
    const tags = Array.from({ length: 1_500 }, (_, index) => `tag${index}:${"y".repeat(190)}`);
    for (let index = 0; index < 100; index++) {
      await queue.put(
        METRICS,
        JSON.stringify({ metric: `m${index}`, type: "gauge", tags, points: [[at, 1]] }),
      );
    }
    const agent = await startAgent({ ...settingsFor(url), NODE_OPTIONS: "--max-old-space-size=256" });
    const ended = agent.ended.then(() => {
      throw new Error(`the agent ended:\n${agent.output().slice(-2_000)}`);
    });
    await Promise.race([queue.drained([LOGS, METRICS], 240_000), ended]);
    expect(logs + (await queue.rejected()).length).toBe(200);
    expect(agent.output()).not.toMatch(/ is unavailable: | failed: | is full: /);
  }, 300_000);
});

describe("a log with a date that has no text", () => {
  it("is delivered once", async () => {
    let received = 0;
    const url = await startIntake((path, _, answer) => {
      if (path === "/api/v2/logs") received += 1;
      answer();
    });
    const queue = await openQueue();
    await startAgent(settingsFor(url));
    await queue.put(LOGS, JSON.stringify({ date: { toString: 1 }, message: "a" }));
    await until("it to be delivered", () => received > 0);
    await queue.drained([LOGS], 5_000);
    expect(received).toBe(1);
  });
});

describe("secrets", () => {
  it("of DATADOG_URL show in no log, no output of config, and no error", async () => {
    const url = await startIntake((_, __, answer) => answer());
    const withUser = url.replace("://", "://owl:pass-word@");
    const agent = await startAgent({ ...settingsFor(withUser), LOG_LEVEL: "debug" });
    const queue = await openQueue();
    await queue.put(LOGS, logOf("a"));
    await queue.drained([LOGS]);
    expect(agent.output()).toContain("(hidden)@127.0.0.1");
    const outputs = [agent.output()];
    for (const [args, settings] of [
      [["config"], settingsFor(withUser)],
      [["config", "--json"], settingsFor(withUser)],
      [["doctor"], settingsFor(withUser)],
      [["config"], { DATADOG_URL: "htps://owl:pass-word@127.0.0.1/api" }],
      [["config"], { DATADOG_LOGS_URL: "owl:pass-word@127.0.0.1" }],
    ] as const) {
      const command = runChouette(args, settings);
      await command.ended;
      outputs.push(command.output());
    }
    expect(outputs[1]).toContain("(hidden)@127.0.0.1");
    for (const output of outputs) expect(output).not.toContain("pass-word");
  });

  it("that are exposed are warned about, at the start and by doctor", async () => {
    const folder = await newFolder();
    cleanUps.push(folder.remove);
    const path = join(folder.path, "key");
    await writeFile(path, KEY);
    await chmod(path, 0o644);
    const settings = {
      API_KEY_FILE: path,
      DATADOG_URL: "http://192.0.2.1/api",
      DATADOG_LOGS_URL: "http://localhost:1",
      REDIS_URL: redis.url,
    };
    const unencrypted = "DATADOG_URL is http://: the API key is sent unencrypted to 192.0.2.1";
    const readable = `API key file ${path} is readable by every user`;
    const agent = await startAgent(settings);
    await agent.wrote(readable);
    expect(agent.output()).toContain(unencrypted);
    expect(agent.output()).not.toContain("DATADOG_LOGS_URL is");
    await agent.end();
    await chmod(path, 0o600);
    const doctor = runChouette(["doctor"], { ...settings, HTTP_PROXY: "http://127.0.0.1:1" });
    await doctor.ended;
    expect(doctor.output()).toContain(unencrypted);
    expect(doctor.output()).not.toContain("is readable by every user");
  });
});
