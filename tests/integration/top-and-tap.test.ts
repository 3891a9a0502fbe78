/** `chouette top` and `chouette tap`: what they show of a known workload, through a real agent. */
import { createClient } from "@redis/client";
import { beforeEach, describe, expect, it } from "vitest";
import type { Top } from "../../packages/agent/src/dashboard/top.js";
import { type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import type { Status } from "../../packages/agent/src/status/status.js";
import { brokerPort, runChouette, startAgentProcess, statusPort } from "../support/agent-process.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { newFolder } from "../support/folders.js";
import type { Running } from "../support/running.js";
import { until } from "../support/until.js";

const KEY = "0123456789abcdef0123456789abcdef";
const USERS = 12;
const PUMPS = 30;

const cleanUps = cleanUpsAfterEach();
let intake: Intake;
let redis: ReturnType<typeof createClient>;
let http: string;

beforeEach(async () => {
  intake = await startIntake({ apiKey: KEY });
  const folder = await newFolder();
  const agent = await startAgentProcess({
    API_KEY: KEY,
    DATADOG_URL: `${intake.url}/api`,
    CHOUETTE_LISTEN: "127.0.0.1:0",
    CHOUETTE_HTTP: "127.0.0.1:0",
    CHOUETTE_DATA_DIR: folder.path,
    AGGREGATE_INTERVAL: "1",
    AGGREGATE_GRACE: "0",
    RELEASE_INTERVAL: "1",
  });
  redis = createClient({ RESP: 2, url: `redis://127.0.0.1:${await brokerPort(agent)}` });
  redis.on("error", () => {});
  await redis.connect();
  http = `127.0.0.1:${await statusPort(agent)}`;
  cleanUps.push(
    () => intake.close(),
    () => folder.remove(),
    () => agent.end(),
    async () => redis.destroy(),
  );
});

async function json<T>(path: string): Promise<T> {
  return (await fetch(`http://${http}${path}`)).json() as Promise<T>;
}

/** Stores raw records in one step, in a window that is closed. */
async function put(records: readonly (readonly [id: string, value: string])[]): Promise<void> {
  const now = `${Math.floor(Date.now() / 1000) - 3}`;
  await redis
    .multi()
    .addCommand(["ZADD", "chouette:metrics:raw.keys", ...records.flatMap(([id]) => [now, id])])
    .addCommand(["HSET", "chouette:metrics:raw.values", ...records.flat()])
    .exec();
}

const at = () => Math.floor(Date.now() / 1000) - 3;
const raw = (metric: string, tags: object) =>
  JSON.stringify({ metric, type: "count", value: 1, timestamp: at(), tags });

/** A series for each user, and many records of one series; of two clients of ours, and of one of another kind. */
async function putWorkload(): Promise<void> {
  const users = Array.from(
    { length: USERS },
    (_, n) =>
      [`CLIENT0001${String(n).padStart(2, "0")}`, raw("web.requests", { user: `u${n}`, zone: "a" })] as const,
  );
  const pumps = Array.from(
    { length: PUMPS },
    (_, n) =>
      [
        `client0001${String(n).padStart(2, "0")}`,
        raw("pump.strokes", { pump: "p1", zone: `z${n % 2}` }),
      ] as const,
  );
  await put([...users, ...pumps, ["3f2b8c1e-0000-4000-8000-000000000000", "no JSON"]]);
}

async function delivered(): Promise<Status> {
  return until("all to be delivered", async () => {
    const status = await json<Status>("/status");
    return status.deliveries.metrics.records === USERS + 2 ? status : undefined;
  });
}

describe("chouette top", () => {
  it("ranks a known workload, its sums those of the ledger, and names the tag that makes the series", async () => {
    await json("/top");
    await putWorkload();
    const { deliveries, queues } = await delivered();
    const top = await json<Top>("/top");
    expect(top.metrics.map(({ metric, records, series }) => [metric, records, series])).toEqual([
      ["web.requests", USERS, USERS],
      ["pump.strokes", 2, 2],
    ]);
    expect(top.metrics.map(({ widestTag }) => widestTag)).toEqual([
      { tag: "user", values: USERS },
      { tag: "zone", values: 2 },
    ]);
    const sum = (of: "records" | "bytes") => top.metrics.reduce((all, use) => all + use[of], 0);
    expect([sum("records"), sum("bytes")]).toEqual([deliveries.metrics.records, deliveries.metrics.bytes]);
    expect(top.tags).toEqual([
      { tag: "user", values: USERS, series: USERS, metric: "web.requests" },
      { tag: "zone", values: 3, series: USERS + 2, metric: "pump.strokes" },
      { tag: "pump", values: 1, series: 2, metric: "pump.strokes" },
    ]);
    expect(top.clients).toEqual([
      { client: "client", records: PUMPS },
      { client: "CLIENT", records: USERS },
      { records: 1 },
    ]);
    const { done, dropped } = queues?.[0]?.ledger ?? { done: {}, dropped: {} };
    expect([done, dropped]).toEqual([{ aggregated: USERS + PUMPS }, { rejected: 1 }]);
    expect(top.isComplete).toBe(true);
  });

  it("prints tables to people, and everything as JSON", async () => {
    await json("/top");
    await putWorkload();
    const { deliveries } = await delivered();
    const outputOf = async (...args: readonly string[]) => {
      const command = runChouette(["top", ...args], { CHOUETTE_HTTP: http });
      expect(await command.ended).toBe(0);
      return command.output();
    };
    const { records, bytes } = deliveries.metrics;
    const metrics = await outputOf();
    expect(metrics).toMatch(/^web\.requests +\d+ +\d+\.\d% +12 +12 +user \(12\)$/m);
    expect(metrics).toMatch(new RegExp(`^Sum +${bytes} +100\\.0% +${records}$`, "m"));
    expect(await outputOf("--rows", "1")).toMatch(/^\(all others\) +\d+ +\d+\.\d% +2$/m);
    expect(await outputOf("--by", "tag")).toMatch(/^zone +3 +14 +pump\.strokes$/m);
    expect(await outputOf("--by", "client")).toMatch(/^Sum +43$/m);
    expect((JSON.parse(await outputOf("--json")) as Top).tags[0]?.tag).toBe("user");
  });
});

describe("chouette tap", () => {
  const tap = async (...args: readonly string[]) => {
    const command = runChouette(["tap", ...args], { CHOUETTE_HTTP: http });
    cleanUps.push(() => command.end("SIGKILL"));
    // A record before would not be seen.
    await command.wrote(/^watching /m);
    return command;
  };

  /** Without the line that it is connected. */
  const shownBy = (command: Running) => command.output().trim().split("\n").slice(1);

  it("shows a record at each stage, and the end of what can't be used", async () => {
    const seen = await tap("--json", "--count", "4");
    await put([
      ["a", raw("web.requests", { user: "u1" })],
      ["b", "no JSON \u001b]52;c;aGk=\u0007"],
    ]);
    expect(await seen.ended).toBe(0);
    const lines = shownBy(seen).map((line) => JSON.parse(line));
    const stages = lines.map(({ stage, reason, value }) => [reason ?? stage, value.slice(0, 23)]);
    expect(stages.sort()).toEqual([
      ["raw", '{"metric":"web.requests'],
      ["ready", '{"metric":"web.requests'],
      ["rejected", "no JSON \u001b]52;c;aGk=\u0007"],
      ["sent", '{"metric":"web.requests'],
    ]);
  });

  it("shows only what is asked for, fit for a terminal", async () => {
    const seen = await tap("--stage", "sent", "--name", "web.*", "--tag", "user:u2", "--count", "1");
    const hostile = await tap("--stage", "dropped", "--count", "1");
    await put([
      ["a", raw("web.requests", { user: "u1" })],
      ["b", raw("web.requests", { user: "u2", zone: "a" })],
      ["c", raw("pump.strokes", { user: "u2" })],
      ["d", "no JSON \u001b]52;c;aGk=\u0007"],
    ]);
    await Promise.all([seen.ended, hostile.ended]);
    expect(shownBy(seen).join()).toMatch(
      /^\d\d:\d\d:\d\d {2}sent {7}web\.requests {2}count {2}1 {2}user:u2 zone:a$/,
    );
    expect(hostile.output()).toContain("no JSON �]52;c;aGk=�\n");
  });

  it("never holds up the agent: a reader that doesn't read misses records, and learns how many", async () => {
    const reader = await fetch(`http://${http}/tap?stage=raw`);
    const padding = "x".repeat(4_000);
    for (let batch = 0; batch < 5; batch++) {
      await put(
        Array.from(
          { length: 400 },
          (_, n) => [`${batch}-${n}`, raw("many", { n: `${n}`, padding })] as const,
        ),
      );
    }
    await until("all to be aggregated", async () => {
      const { queues } = await json<Status>("/status");
      return queues?.[0]?.ledger.done.aggregated === 2_000;
    });
    const lines: { readonly skipped?: number }[] = [];
    const text = reader.body?.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    await until("all records to be shown or counted", async () => {
      const all = () => lines.reduce((sum, { skipped = 1 }) => sum + skipped, 0);
      if (all() >= 2_000) return true;
      const parts = (rest + ((await text?.read())?.value ?? "")).split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts.filter((line) => line !== "").map((line) => JSON.parse(line)));
      return all() >= 2_000;
    });
    await text?.cancel();
    expect(lines.some(({ skipped }) => skipped !== undefined)).toBe(true);
    expect(lines.reduce((sum, { skipped = 1 }) => sum + skipped, 0)).toBe(2_000);
  });
});
