/** Custom wrappers in a real agent: the one in docs/WRAPPERS.md, a faulty one, a missing one. */
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import { runChouette, startAgentProcess } from "../support/agent-process.js";
import { type Broker, lookInto } from "../support/broker-records.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { newFolder } from "../support/folders.js";
import { startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";

const cleanUps = cleanUpsAfterEach();
let intake: Intake;
let queue: Broker;
let redisUrl: string;
let folder: string;

beforeEach(async () => {
  intake = await startIntake();
  const redis = await startRedis();
  queue = await lookInto(redis.url);
  const made = await newFolder();
  cleanUps.push(
    () => intake.close(),
    () => redis.stop(),
    () => queue.close(),
    made.remove,
  );
  redisUrl = redis.url;
  folder = made.path;
});

async function startAgentWith(wrapper: string): Promise<void> {
  const path = join(folder, "wrapper.mjs");
  await writeFile(path, wrapper);
  const agent = await startAgentProcess({
    API_KEY: "any",
    DATADOG_URL: `${intake.url}/api`,
    REDIS_URL: redisUrl,
    RELEASE_INTERVAL: "1",
    METRICS_WRAPPER: path,
  });
  cleanUps.push(() => agent.end());
}

/** A window that is closed. */
const at = Math.floor(Date.now() / 10_000) * 10 - 60;

async function put(metric: string, type: string, value: unknown): Promise<void> {
  await queue.put(JSON.stringify({ metric, type, value, timestamp: at, tags: { zone: "a" } }), at);
}

describe("a wrapper of one's own", () => {
  it("does what the documentation's example says", async () => {
    const page = readFileSync(new URL("../../docs/WRAPPERS.md", import.meta.url), "utf8");
    const example = /```js\n([\s\S]*?)```/.exec(page)?.[1];
    for (let value = 1; value <= 11; value++) await put("h", "histogram", value);
    for (const value of [2, 3]) await put("c", "count", value);
    await put("g", "gauge", 1);
    await startAgentWith(example ?? "");
    await queue.drained();
    const points = intake.points().map(({ metric, type, tags, value }) => ({ metric, type, tags, value }));
    expect(points).toHaveLength(2);
    expect(points).toContainEqual({ metric: "h.p90", type: "gauge", tags: ["zone:a"], value: 10 });
    expect(points).toContainEqual({ metric: "c", type: "count", tags: ["zone:a"], value: 5 });
    expect((await queue.rejected()).map(({ reason }) => reason)).toEqual(["no use for a gauge"]);
  });

  it("costs only the contexts that it fails at, each set aside with what was wrong", async () => {
    const good = `{ metric: "good", type: "gauge", tags: [], points: [[at, 1]] }`;
    const answers: Readonly<Record<string, readonly [code: string, reason: string]>> = {
      throws: [`throw new Error("oh no")`, "the wrapper failed: oh no"],
      nothing: ["return undefined", "the wrapper returned neither metrics nor a reason"],
      late: ["return Promise.reject(new Error())", "a promise; return the result itself"],
      nan: [
        `return { ok: true, metrics: [{ metric: "m", type: "gauge", tags: [], points: [[at, NaN]] }] }`,
        "points should be a list of [seconds, number]",
      ],
      untyped: [`return { ok: true, metrics: [{ ...${good}, type: "histogram" }] }`, "type should be one of"],
    };
    const cases = Object.entries(answers).map(([name, [code]]) => `if (metric === "${name}") { ${code} }`);
    for (const metric of [...Object.keys(answers), "good"]) await put(metric, "count", 1);
    await startAgentWith(`export function wrap({ metric }, at) {
      ${cases.join("\n")}
      return { ok: true, metrics: [${good}] };
    }`);
    await queue.drained();
    await until("all to be set aside", async () => (await queue.rejected()).length === 5);
    const reasons = new Map(
      (await queue.rejected()).map(({ value, reason }) => [JSON.parse(value ?? "").metric, reason]),
    );
    for (const [name, [, reason]] of Object.entries(answers)) expect(reasons.get(name)).toContain(reason);
    expect(intake.points().map(({ metric }) => metric)).toEqual(["good"]);
  });

  it.each([
    ["isn't there", undefined, "can't be loaded"],
    ["is no JavaScript", "export const wrap = (", "can't be loaded"],
    ["throws while it is loaded", `throw new Error("no such device")`, "no such device"],
    ["exports no wrap", "export default function wrapp() {}", "exports no function named wrap"],
    ["exports a wrap that is no function", "export const wrap = 5;", "exports no function named wrap"],
  ])("keeps the agent from starting where it %s", async (_, text, reason) => {
    const path = join(folder, "wrapper.mjs");
    if (text !== undefined) await writeFile(path, text);
    const agent = runChouette(["agent"], { REDIS_URL: redisUrl, METRICS_WRAPPER: path });
    expect(await agent.ended).toBe(1);
    expect(agent.output()).toContain("METRICS_WRAPPER");
    expect(agent.output()).toContain(reason);
  });

  it("is named beside ours where a name is mistyped", async () => {
    const agent = runChouette(["agent"], { REDIS_URL: redisUrl, METRICS_WRAPPER: "simpel" });
    expect(await agent.ended).toBe(1);
    expect(agent.output()).toContain("METRICS_WRAPPER: expected datadog, simple, or a module");
  });
});
