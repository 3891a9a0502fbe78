/** Commands whose output nobody reads any more: `chouette collect host | head -1`. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CHOUETTE } from "../support/agent-process.js";
import { lookInto } from "../support/broker-records.js";
import { newFolder } from "../support/folders.js";
import { startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";

let folder: Awaited<ReturnType<typeof newFolder>>;
beforeEach(async () => {
  folder = await newFolder();
});
afterEach(() => folder.remove());

/** A command whose standard output can be closed while it runs. */
function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [CHOUETTE, ...args], {
    env: { ...process.env, CHOUETTE_HTTP: "off", CHOUETTE_DATA_DIR: join(folder.path, "data"), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let errors = "";
  let output = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  const ended = new Promise((resolve) => child.once("close", (code, signal) => resolve(signal ?? code)));
  return { child, ended, errors: () => errors, output: () => output };
}

describe("a closed standard output", () => {
  it.each([
    ["collect", "host", "--over", "0.2"],
    ["config"],
    ["doctor"],
  ])("ends %s quietly", async (...args) => {
    const command = start(args);
    command.child.stdout.destroy();
    await command.ended;
    expect(command.errors()).not.toMatch(/EPIPE|at .*\.js/);
  });

  it("ends an agent that prints its metrics in order, with what it could not print still in its queue", async () => {
    const redis = await startRedis();
    const queue = await lookInto(redis.url);
    const agent = start(["agent"], {
      REDIS_URL: redis.url,
      AGGREGATE_INTERVAL: "1",
      AGGREGATE_GRACE: "0",
      RELEASE_INTERVAL: "1",
    });
    await until("the agent to run", () => agent.errors().includes('"broker":"redis"'));
    agent.child.stdout.destroy();
    const now = Date.now() / 1000 - 5;
    await queue.put(JSON.stringify({ metric: "m", type: "count", value: 1, timestamp: now, tags: {} }), now);
    expect(await agent.ended).toBe(0);
    // While it prints metrics, its log goes to stderr, which then has only log lines.
    const lines = agent.errors().trim().split("\n");
    expect(lines.filter((line) => !line.startsWith("{"))).toEqual([]);
    await queue.close();
    await redis.stop();
  });

  it("ends the stand-in for Datadog quietly", async () => {
    const intake = start(["intake", "--listen", "127.0.0.1:0"]);
    await until("it to listen", () => /Listening on (\S+)\./.test(intake.output()));
    const [, url = ""] = /Listening on (\S+)\./.exec(intake.output()) ?? [];
    intake.child.stdout.destroy();
    await fetch(`${url}/api/v1/validate`).catch(() => {});
    await fetch(`${url}/nowhere`, { method: "POST" }).catch(() => {});
    expect(await intake.ended).toBe(0);
    expect(intake.errors()).toBe("");
  });
});
