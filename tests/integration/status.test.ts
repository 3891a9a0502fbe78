/** The agent's status: over HTTP, on the command line, and in its metrics about itself. */

import { createServer, request } from "node:http";
import { seconds } from "@chouette-iot/record";
import { beforeEach, describe, expect, it } from "vitest";
import { type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import { toSample } from "../../packages/agent/src/status/history.js";
import { encodeHours } from "../../packages/agent/src/status/history-store.js";
import { total } from "../../packages/agent/src/status/ledger.js";
import type { Status } from "../../packages/agent/src/status/status.js";
import { runChouette, startAgentProcess } from "../support/agent-process.js";
import { type Broker, lookInto } from "../support/broker-records.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { listen } from "../support/listening.js";
import { reservedPort } from "../support/ports.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";

const KEY = "0123456789abcdef0123456789abcdef";
const PASSWORD = "a-password-of-redis";

const cleanUps = cleanUpsAfterEach();
let intake: Intake;
let redis: RedisServer;
let broker: Broker;
let http: number;

beforeEach(async () => {
  http = await reservedPort();
  intake = await startIntake({ apiKey: KEY });
  redis = await startRedis(["--appendonly", "yes"]);
  broker = await lookInto(redis.url);
  cleanUps.push(
    () => intake.close(),
    () => redis.stop(),
    () => broker.close(),
  );
});

async function startAgent(settings: Readonly<Record<string, string>> = {}) {
  const agent = await startAgentProcess({
    API_KEY: KEY,
    DATADOG_URL: `${intake.url}/api`,
    REDIS_URL: redis.url,
    CHOUETTE_HTTP: `${http}`,
    AGGREGATE_INTERVAL: "1",
    AGGREGATE_GRACE: "0",
    RELEASE_INTERVAL: "1",
    ...settings,
  });
  cleanUps.push(() => agent.end());
  return agent;
}

async function get(path: string) {
  const answer = await fetch(`http://127.0.0.1:${http}${path}`);
  return { code: answer.status, text: await answer.text(), type: answer.headers.get("content-type") };
}

async function status(): Promise<Status> {
  return JSON.parse((await get("/status")).text);
}

function ledger(of: Status, name: string) {
  const found = of.queues?.find((candidate) => candidate.name === `chouette:${name}`)?.ledger;
  if (found === undefined) throw new Error(`no ${name} in ${JSON.stringify(of)}`);
  return found;
}

/** Together, so that one flush takes them all. */
async function putCounts(records: number): Promise<void> {
  const now = Date.now() / 1000 - 5;
  const record = { metric: "m", type: "count", value: 1, timestamp: now, tags: {} };
  await Promise.all(Array.from({ length: records }, () => broker.put(JSON.stringify(record), now)));
}

describe("the status", () => {
  it("has accepted = done + pending + dropped for each queue, across restarts by whatever end", async () => {
    const first = await startAgent();
    await putCounts(10);
    await broker.put("no JSON", Date.now() / 1000 - 5);
    await until("the first to be delivered", () => intake.points().length > 0);
    await until("it to be settled", async () => ledger(await status(), "metrics:wrapped").pending === 0);
    await first.end("SIGKILL");
    await putCounts(5);
    await startAgent();
    const all = await until("all to be taken", async () => {
      const now = await status();
      return ledger(now, "metrics:raw").done.aggregated === 15 &&
        total(ledger(now, "metrics:wrapped").done) === 2
        ? now
        : undefined;
    });
    expect(ledger(all, "metrics:raw")).toEqual({
      accepted: 16,
      done: { aggregated: 15 },
      pending: 0,
      dropped: { rejected: 1 },
      missing: 0,
      unknownLosses: 0,
    });
    expect(ledger(all, "metrics:wrapped")).toEqual({
      accepted: 2,
      done: { delivered: 2 },
      pending: 0,
      dropped: {},
      missing: 0,
      unknownLosses: 0,
    });
    expect(ledger(all, "rejected")).toMatchObject({ accepted: 1, pending: 1, missing: 0 });
    expect(all.deliveries.metrics).toMatchObject({ records: 1, requests: { delivered: 1, unavailable: 0 } });
  });

  it("isn't told to a web page that has its own name resolve to the device", async () => {
    await startAgent();
    const codeFor = (host: string) =>
      new Promise((resolve, reject) => {
        const asked = request(
          { port: http, host: "127.0.0.1", path: "/status", headers: { host } },
          (answer) => {
            answer.resume();
            resolve(answer.statusCode);
          },
        );
        asked.once("error", reject).end();
      });
    expect(await codeFor(`rebound.example.com:${http}`)).toBe(421);
    expect(await codeFor(`localhost:${http}`)).toBe(200);
  });

  it("says what the store has lost", async () => {
    await startAgent({ RELEASE_INTERVAL: "3600", SEND_SELF_METRICS: "false" });
    await until("the first release", async () => (await status()).uptime >= 1);
    await putCounts(1);
    await until("a ready metric", async () => ledger(await status(), "metrics:wrapped").pending === 1);
    await broker.command("DEL", "chouette:metrics:wrapped.keys");
    await until("it to be missed", async () => ledger(await status(), "metrics:wrapped").missing === 1);
  });

  it("tells an outage of Datadog while it is on, is not ready meanwhile, and holds no secret", async () => {
    const port = new URL(intake.url).port;
    await intake.close();
    cleanUps.shift();
    await startAgent({ REDIS_URL: redis.url.replace("redis://", `redis://default:${PASSWORD}@`) }).catch(
      () => {},
    );
    await putCounts(3);
    const out = await until("the outage", async () => {
      const now = await status();
      return now.outages.some((outage) => outage.current !== undefined && outage.component === "Datadog")
        ? now
        : undefined;
    });
    expect(out.outages.find(({ component }) => component === "Datadog")?.current?.reason).toContain(
      `127.0.0.1:${port}`,
    );
    await until("it not to be ready", async () => (await get("/readyz")).code === 503);
    expect((await get("/readyz")).text).toContain("oldest record of chouette:metrics:wrapped is ");
    expect((await get("/healthz")).code).toBe(200);
    const texts = [JSON.stringify(out), (await get("/metrics")).text].join();
    expect(texts).not.toContain(KEY);
    expect(texts).not.toContain(PASSWORD);
  });

  it("is answered in time by an agent whose Redis has stopped answering", async () => {
    await startAgent();
    redis.signal("SIGSTOP");
    const stopped = await status();
    redis.signal("SIGCONT");
    expect(stopped.queues).toBeUndefined();
    expect(stopped.ready).toEqual({ ok: false, reason: "store does not answer" });
  });

  it("doesn't keep a Redis that has stopped answering from being given up, however often it is looked at", {
    timeout: 60_000,
  }, async () => {
    await startAgent();
    await until("the store to answer", async () => (await status()).queues !== undefined);
    redis.signal("SIGSTOP");
    const isOut = async () => {
      // Repeated and concurrent requests, as from several people.
      void status();
      return (await status()).outages.some(
        ({ component, current }) => component === "store" && current !== undefined,
      );
    };
    await until("it to be given up", isOut, 45_000);
    expect((await get("/healthz")).code).toBe(200);
    redis.signal("SIGCONT");
  });
});

const put = (queue: string, id: string, record: object) =>
  broker.put(JSON.stringify(record), Date.now() / 1000, `chouette:${queue}`, id);
const log = (level: string) => ({ date: new Date().toISOString(), ddtags: [], level, message: { msg: "m" } });
const gauge = (metric: string) => ({
  ...{ metric, type: "gauge", tags: [] },
  points: [[Math.floor(Date.now() / 1000), 1]],
});

/** So many bytes were sent today, and as many on another day of this month. */
async function haveSent(bytes: number): Promise<void> {
  const day = new Date().toISOString().slice(0, 10);
  await broker.command("HSET", "chouette:notes", `chouette:sent:${day}`, `${bytes}`);
  await broker.command("HSET", "chouette:notes", `chouette:sent:${day.slice(0, 7)}`, `${2 * bytes}`);
}

describe("the bytes of the day and the month", () => {
  const BUDGET = 1_000_000_000;

  it("are told across restarts, without a budget where none is set", async () => {
    const first = await startAgent();
    await putCounts(3);
    await until(
      "a delivery to be settled",
      async () => ledger(await status(), "metrics:wrapped").done.delivered,
    );
    const { sent, deliveries, budget } = await status();
    expect(sent).toEqual({ today: deliveries.metrics.bytes, month: deliveries.metrics.bytes });
    expect(sent?.today).toBeGreaterThan(0);
    expect(budget).toBeUndefined();
    await first.end("SIGKILL");
    await startAgent();
    expect((await status()).sent).toEqual(sent);
  });

  it.each([
    [0.75, { lowPriorityLogs: 2, logs: 0, collectedMetrics: 0 }, "2 logs below WARNING"],
    [0.85, { lowPriorityLogs: 0, logs: 3, collectedMetrics: 0 }, "3 logs"],
    [
      0.95,
      { lowPriorityLogs: 0, logs: 3, collectedMetrics: 1 },
      "3 logs, 1 metric of collectors and the agent",
    ],
  ])("report what the budget defers at %d of it", async (share, deferred, summary) => {
    await haveSent(share * BUDGET);
    await put("logs:wrapped", "1", log("INFO"));
    await put("logs:wrapped", "2", log("DEBUG"));
    await put("logs:wrapped", "3", log("ERROR"));
    await put("metrics:wrapped", "collect.1a2b3c4d.1", gauge("ups.load"));
    await put("metrics:wrapped", "4", gauge("app.rpm"));
    await startAgent({ DAILY_BYTE_BUDGET: `${BUDGET}`, DATADOG_LOGS_URL: `${intake.url}/api` });
    await until("what may be sent to be delivered", () =>
      intake.points().some((p) => p.metric === "app.rpm"),
    );
    const told = await until("the last of the queues to be gone through", async () => {
      const now = await status();
      return JSON.stringify(now.budget?.deferred) === JSON.stringify(deferred) ? now : undefined;
    }).catch(status);
    expect(told.budget).toEqual({ bytesPerDay: BUDGET, deferred });
    expect(told.sent?.today).toBeGreaterThan(share * BUDGET);
    expect(told.sent?.month).toBe((told.sent?.today ?? 0) + share * BUDGET);
    const { text } = await get("/metrics");
    expect(text).toContain(`chouette_daily_budget_bytes ${BUDGET}\n`);
    expect(text).toMatch(/chouette_sent_bytes\{period="month"\} \d+\n/);
    expect(text).toMatch(
      /chouette_wire_bytes\{period="today",destination="127.0.0.1",purpose="metrics",direction="sent"\} [1-9]\d*\n/,
    );
    expect(text).toContain(`chouette_deferred_records{signal="logs"} ${deferred.logs}\n`);
    const people = runChouette(["status"], { CHOUETTE_HTTP: `${http}` });
    await people.ended;
    expect(people.output()).toMatch(new RegExp(`Link +\\d+ bytes of ${BUDGET} today, \\d+ this month`));
    expect(people.output()).toContain(`deferred: ${summary}\n`);
  });
});

describe("the history of the day", () => {
  it("outlasts a restart", async () => {
    const now = Math.floor(Date.now() / 1000);
    const earlier = seconds(now - (now % 300) - 1_800);
    const sample = toSample(() => 7);
    for (const [key, text] of encodeHours([{ at: earlier, sample }]))
      await broker.command("HSET", "chouette:notes", key, text);
    const day = async () =>
      JSON.parse((await get("/history")).text).day as readonly { readonly at: number }[];
    const first = await startAgent();
    await until("the earlier sample", async () => (await day()).some(({ at }) => at === earlier));
    await first.end("SIGTERM");
    const stored = await broker.command("HGETALL", "chouette:notes");
    expect(JSON.stringify(stored)).toContain("chouette:history:");
    await startAgent();
    const kept = await until("both samples", async () => ((await day()).length >= 2 ? day() : undefined));
    expect(kept[0]).toMatchObject({ at: earlier, rawPending: 7 });
  });
});

describe("the HTTP server", () => {
  it("answers in Prometheus' text format", async () => {
    await startAgent();
    await putCounts(2);
    await until("a delivery", async () => (await status()).deliveries.metrics.records > 0);
    const { text, type } = await get("/metrics");
    expect(type).toBe("text/plain; version=0.0.4; charset=utf-8");
    // The format's grammar: https://prometheus.io/docs/instrumenting/exposition_formats/
    const sample =
      /^[a-z_]+(\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\})? -?[\d.e+-]+$/;
    const told = new Set<string>();
    for (const line of text.trimEnd().split("\n")) {
      const [, name] = /^# (?:HELP|TYPE) (\S+) \S/.exec(line) ?? [];
      if (name !== undefined) told.add(name);
      else {
        expect(line).toMatch(sample);
        expect(told).toContain(line.replace(/[{ ].*/, ""));
      }
    }
    expect(text).toContain('chouette_records_done_total{queue="chouette:metrics:raw"} 2\n');
    expect(text).toContain('chouette_requests_total{signal="metrics",outcome="delivered"} 1\n');
  });

  it("refuses all but looking, and what it doesn't have", async () => {
    await startAgent();
    expect((await fetch(`http://127.0.0.1:${http}/status`, { method: "POST" })).status).toBe(405);
    expect((await get("//")).code).toBe(404);
  });

  it("leaves its port to whoever has it, says what to set, and the agent goes on", async () => {
    cleanUps.push((await listen(createServer(), http)).stop);
    const agent = await startAgent();
    expect(agent.output()).toContain("port in use; set CHOUETTE_HTTP");
    await putCounts(1);
    await until("the metric to arrive", () => intake.points().length > 0);
  });
});

describe("chouette status", () => {
  it("shows the sums to people and to programs, its exit code the readiness", async () => {
    await startAgent();
    await putCounts(4);
    await until("a delivery", async () => ledger(await status(), "metrics:wrapped").done.delivered === 1);
    const people = runChouette(["status"], { CHOUETTE_HTTP: `${http}` });
    expect(await people.ended).toBe(0);
    expect(people.output()).toMatch(/chouette:metrics:raw +4 = 4 \+ 0 \+ 0 +aggregated 4\n/);
    expect(people.output()).toMatch(/requests: delivered 1/);
    const programs = runChouette(["status", "--json"], { CHOUETTE_HTTP: `${http}` });
    expect(await programs.ended).toBe(0);
    expect(ledger(JSON.parse(programs.output()), "metrics:raw").accepted).toBe(4);
  });

  it("shows nothing that steers the terminal, whatever Datadog's address answers", async () => {
    const server = createServer((asked, answer) => {
      asked.resume().on("end", () => answer.writeHead(503).end("\u001b]52;c;eA==\u0007\u007f\u009b2J"));
    });
    const { port, stop } = await listen(server);
    cleanUps.push(stop);
    const agent = await startAgent({ DATADOG_URL: `http://127.0.0.1:${port}/api` });
    await putCounts(1);
    await until("the outage", async () =>
      (await status()).outages.some(({ current }) => current !== undefined),
    );
    const shown = runChouette(["status", "--json"], { CHOUETTE_HTTP: `${http}` });
    await shown.ended;
    for (const output of [shown.output(), agent.output()]) {
      expect(output).toContain("]52;c;eA==");
      expect(output.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
    }
  });

  it("says so where no agent answers", async () => {
    const asked = runChouette(["status"], { CHOUETTE_HTTP: `${http}` });
    expect(await asked.ended).toBe(1);
    expect(asked.output()).toContain(`no agent answers on 127.0.0.1:${http}`);
  });

  it("shows it again and again with --watch", async () => {
    await startAgent();
    const watching = runChouette(["status", "--watch", "--json"], { CHOUETTE_HTTP: `${http}` });
    cleanUps.push(() => watching.end("SIGKILL"));
    await until("two looks", () => watching.output().trim().split("\n").length >= 2);
    expect(await watching.end("SIGINT")).toBe("SIGINT");
  });
});

describe("self-metrics", () => {
  it("tell what was sent, and come to a fixed few however often they are sent", async () => {
    await startAgent({ SEND_SELF_METRICS: "true" });
    await putCounts(7);
    await broker.put("no JSON", Date.now() / 1000 - 5);
    const named = (name: string) => intake.points().filter(({ metric }) => metric === `chouette.${name}`);
    await until("a few rounds", () => named("queued.metrics").length >= 5);
    const sum = (name: string) => named(name).reduce((all, { value }) => all + value, 0);
    expect(sum("dispatched.metrics.number")).toBeGreaterThan(0);
    expect(sum("dispatched.metrics.bytes")).toBeGreaterThan(0);
    expect(sum("dispatched.logs.number")).toBe(0);
    expect(sum("dropped")).toBe(1);
    expect(named("dropped")[0]?.tags).toEqual(["queue:chouette:metrics:raw", "reason:rejected"]);
    expect(named("requests")[0]?.tags).toEqual(["outcome:delivered", "signal:metrics"]);
    expect(named("queue.oldest_age").length).toBeGreaterThan(0);
    expect(named("delivery.delay").length).toBeGreaterThan(0);
    const rounds = named("queued.metrics").length;
    expect(intake.points().length).toBeLessThanOrEqual(1 + rounds * 16);
  });
});
