/** `chouette queue`, on Redis and on the embedded broker. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { startIntake } from "../../packages/agent/src/intake/intake.js";
import { type AgentSettings, CHOUETTE, chouette, startAgentProcess } from "../support/agent-process.js";
import { lookInto } from "../support/broker-records.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { newFolder } from "../support/folders.js";
import { CLOSED_PORT, reservedPort } from "../support/ports.js";
import { startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";

const cleanUps = cleanUpsAfterEach();
const queueCommand = (args: readonly string[], settings: AgentSettings) =>
  chouette(["queue", ...args], settings);

const BROKERS: Readonly<Record<string, () => Promise<{ settings: AgentSettings; port: number }>>> = {
  redis: async () => {
    const redis = await startRedis();
    cleanUps.push(() => redis.stop());
    return { settings: { REDIS_URL: redis.url }, port: redis.port };
  },
  embedded: async () => {
    const folder = await newFolder();
    cleanUps.push(folder.remove);
    const port = await reservedPort();
    return { settings: { CHOUETTE_LISTEN: `${port}`, CHOUETTE_DATA_DIR: folder.path }, port };
  },
};

/** An agent that prints nothing yet, and the queue that its clients would fill. */
async function startWithQueue(broker: string) {
  const opened = await BROKERS[broker]?.();
  if (opened === undefined) throw new Error(broker);
  const settings: AgentSettings = {
    ...opened.settings,
    AGGREGATE_INTERVAL: "1",
    AGGREGATE_GRACE: "0",
    CHOUETTE_OUTPUT: "stdout",
  };
  const agent = await startAgentProcess({ ...settings, RELEASE_INTERVAL: "3600" });
  cleanUps.push(() => agent.end());
  const queue = await lookInto(`redis://127.0.0.1:${opened.port}`);
  cleanUps.push(() => queue.close());
  return { settings, queue, agent };
}

describe.each(["redis", "embedded"])("chouette queue on %s", (broker) => {
  it("shows dead letters, and requeues them", async () => {
    const { settings, queue } = await startWithQueue(broker);
    await queue.put("no JSON \u001b]52;c;eA==\u0007\u009b2J", Date.now() / 1000 - 5);
    const rejected = await until("the record to be set aside", async () => {
      const { output } = await queueCommand(["rejected"], settings);
      return output.includes("no JSON") ? output : undefined;
    });
    expect(rejected).toMatch(
      /Rejected at +From +Reason +Record\n\S+Z +chouette:metrics:raw +not JSON: .* no JSON \ufffd\]52;c;eA==\ufffd\ufffd2J\n/,
    );
    const refused = await queueCommand(["requeue"], settings);
    expect(refused).toMatchObject({ code: 2, output: expect.stringContaining("--yes") });
    expect(await queueCommand(["requeue", "--yes"], settings)).toEqual({
      code: 0,
      output: "1 record requeued\n",
    });
    await until("it to be set aside again", async () =>
      (await queueCommand(["rejected"], settings)).output.includes("no JSON"),
    );
  });

  it("throws away what it is told to, counted", async () => {
    const { settings, queue, agent } = await startWithQueue(broker);
    // A window that isn't closed yet, which the agent leaves alone.
    const later = Date.now() / 1000 + 3600;
    const record = JSON.stringify({ metric: "m", type: "count", value: 1, timestamp: later, tags: {} });
    await queue.put(record, later);
    await queue.put(record, later);
    const peeked = await queueCommand(["peek", "raw", "--limit", "1"], settings);
    expect(JSON.parse(peeked.output)).toMatchObject({ score: later, value: record });
    expect((await queueCommand(["ls"], settings)).output).toMatch(/chouette:metrics:raw +2\n/);
    expect((await queueCommand(["purge", "raw"], settings)).code).toBe(2);
    expect(await queueCommand(["purge", "raw", "--yes"], settings)).toEqual({
      code: 0,
      output: "2 records purged\n",
    });
    expect((await queueCommand(["ls"], settings)).output).toMatch(/chouette:metrics:raw +0\n/);
    expect(await agent.end()).toBe(0);
  });
});

describe("chouette queue requeue", () => {
  it("has delivered what the simple wrapper refused, once another wrapper takes it", async () => {
    const intake = await startIntake();
    cleanUps.push(() => intake.close());
    const redis = await startRedis();
    cleanUps.push(() => redis.stop());
    const queue = await lookInto(redis.url);
    cleanUps.push(() => queue.close());
    const settings = {
      ...{ API_KEY: "any", DATADOG_URL: `${intake.url}/api`, REDIS_URL: redis.url },
      ...{ AGGREGATE_INTERVAL: "1", AGGREGATE_GRACE: "0", RELEASE_INTERVAL: "1" },
    };
    const simple = await startAgentProcess({ ...settings, METRICS_WRAPPER: "simple" });
    cleanUps.push(() => simple.end());
    const at = Math.floor(Date.now() / 1000) - 5;
    const elements = Array.from({ length: 1_500 }, (_, index) => `element ${index}`);
    // A program may store more at a time than the agent puts into a record of its own.
    const record = { metric: "visitors", type: "set", value: elements, timestamp: at, tags: { door: "a" } };
    await queue.put(JSON.stringify(record), at);
    await queue.put(JSON.stringify({ metric: "m", type: "count", value: 1, timestamp: at, tags: {} }), at);
    await until("the set to be rejected", async () => (await queue.rejected()).length > 0);
    await until("the count to arrive", () => intake.points().length === 1);
    await simple.end();
    expect((await queue.rejected())[0]?.reason).toContain("the simple wrapper only takes sets of numbers");

    const datadog = await startAgentProcess(settings);
    cleanUps.push(() => datadog.end());
    const { output } = await queueCommand(["requeue", "--yes"], settings);
    expect(output).toMatch(/^\d+ records? requeued\n$/);
    await until("the set to arrive", () => intake.points().length === 2);
    const [point] = intake.points().filter(({ metric }) => metric === "visitors");
    expect(point).toMatchObject({ type: "count", value: 1_500, tags: ["door:a"] });
    expect(point?.at).toBeGreaterThanOrEqual(at);
    expect(await queue.rejected()).toEqual([]);
  });
});

describe("chouette queue", () => {
  it("counts what it throws away in the broker's own ledger", async () => {
    const { settings, queue } = await startWithQueue("redis");
    await queue.put("{}", Date.now() / 1000 + 3600);
    await queueCommand(["purge", "raw", "--yes"], settings);
    expect(await queue.command("HGET", "chouette:counters", "chouette:metrics:raw:purged")).toBe("1");
  });

  it.each([
    ["Ctrl-C", "\u0003"],
    ["Ctrl-D", "\u0004"],
  ])("changes nothing if its question is ended by %s", async (_, key) => {
    const command = `${process.execPath} ${CHOUETTE} queue purge raw`;
    const terminal = spawn("script", ["-qec", command, "/dev/null"]);
    cleanUps.push(async () => terminal.kill("SIGKILL"));
    let output = "";
    terminal.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    await until("the question", () => output.includes("[y/N]"));
    terminal.stdin.write(key);
    const [code] = await once(terminal, "exit");
    expect(output).toMatch(/Really delete .*Nothing was changed/s);
    expect(code).toBe(2);
  });

  it("says so where no agent runs that could be asked", async () => {
    const folder = await newFolder();
    cleanUps.push(folder.remove);
    const { code, output } = await queueCommand(["ls"], { CHOUETTE_DATA_DIR: folder.path });
    expect(code).toBe(1);
    expect(output).toContain("no agent answers on");
  });

  it("says so where Redis isn't there, without its password", async () => {
    const { code, output } = await queueCommand(["ls"], {
      REDIS_URL: `redis://:secret@127.0.0.1:${CLOSED_PORT}`,
    });
    expect(code).toBe(1);
    expect(output).toContain(`Redis at 127.0.0.1:${CLOSED_PORT} is unavailable: `);
    expect(output).not.toContain("secret");
  });
});
