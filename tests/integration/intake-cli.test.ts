/** `chouette intake` as a process. */
import { addToSketch, newSketch, seconds } from "@chouette-iot/record";
import { afterEach, describe, expect, it } from "vitest";
import { startIntake } from "../../packages/agent/src/intake/intake.js";
import { encodeSketchPayload } from "../../packages/agent/src/outputs/datadog-sketches.js";
import { type Running, run } from "../support/running.js";

const KEY = "secret-key-of-this-test";
const NOW = Math.floor(Date.now() / 1000);
const CHOUETTE = "packages/agent/bin/chouette.js";

let running: Running;
afterEach(() => running.end("SIGKILL"));

async function chouetteIntake(...args: readonly string[]): Promise<string> {
  running = run(process.execPath, [CHOUETTE, "intake", "--listen", "127.0.0.1:0", ...args]);
  await running.wrote(/http:\/\/127\.0\.0\.1:\d+\/api/);
  const [url = ""] = /http:\/\/127\.0\.0\.1:\d+\/api/.exec(running.output()) ?? [];
  return url;
}

async function post(url: string, body: unknown, key = KEY): Promise<number> {
  const headers = { "DD-API-KEY": key, "Content-Type": "application/json" };
  const { status } = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  return status;
}

function series(metric: string, ...values: readonly number[]) {
  const points = values.map((value, index) => ({ timestamp: NOW + index, value }));
  return {
    series: [{ metric, type: 3, tags: ["zone:a"], resources: [{ type: "host", name: "owl" }], points }],
  };
}

function events(): Record<string, unknown>[] {
  const lines = running
    .output()
    .split("\n")
    .filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line));
}

describe("chouette intake", () => {
  it("says how to point an agent at it, shows what comes as rows, and sums up when it is ended", async () => {
    const url = await chouetteIntake();
    expect(running.output()).toContain(`DATADOG_URL=${url} API_KEY=any`);
    expect(await post(`${url}/v2/series`, series("engine.rpm", 1.5))).toBe(202);
    await running.wrote(
      /^Time +Metric +Type +Value +Interval +Tags +Host\n[\d:]+ +engine\.rpm +gauge +1\.5 +- +zone:a +owl\n/m,
    );
    expect(await post(`${url}/v2/series`, series("42", 1))).toBe(400);
    await running.wrote('refused POST /api/v2/series: 400 series[0] "42": metric should be');
    expect(await post(`${url}/v2/logs`, [{ message: "\u001b[2J" }])).toBe(202);
    await running.wrote('log {"message":"\\u001b[2J"}');
    expect(await post(`${url}/v1/events`, { title: "Deployed", text: "2.1" })).toBe(202);
    await running.wrote('event {"title":"Deployed","text":"2.1"}');
    expect(await running.end("SIGINT")).toBe(0);
    expect(running.output()).toContain("Points: 1 received, 0 overwritten");
    expect(running.output()).toContain("Requests: /api/v2/series 202 ×1, 400 ×1; /api/v2/logs 202 ×1");
  });

  it("shows the quantiles of a distribution", async () => {
    const url = await chouetteIntake();
    const sketch = newSketch();
    for (let value = 1; value <= 100; value++) addToSketch(sketch, value);
    const payload = encodeSketchPayload(
      [{ metric: "latency", tags: ["zone:a"], at: seconds(NOW), sketch }],
      "owl",
    );
    const headers = { "DD-API-KEY": KEY, "Content-Type": "application/x-protobuf" };
    const answer = await fetch(`${url}/beta/sketches`, {
      method: "POST",
      headers,
      body: new Uint8Array(payload),
    });
    expect(answer.status).toBe(202);
    await running.wrote(
      /latency +distribution +100: p50 49\.\d+, p95 95\.\d+, p99 98\.\d+ +- +zone:a +owl\n/,
    );
  });

  it("writes JSON lines with --json", async () => {
    const url = await chouetteIntake("--json");
    await post(`${url}/v2/series`, series("engine.rpm", 1.5));
    await post(`${url}/v2/logs`, [{ message: "a" }]);
    await post(`${url}/v2/series`, {});
    await running.wrote("refused");
    expect(await running.end("SIGTERM")).toBe(0);
    expect(events()).toMatchObject([
      { event: "listening", settings: { DATADOG_URL: url, DATADOG_LOGS_URL: url.replace(/\/api$/, "") } },
      {
        event: "point",
        metric: "engine.rpm",
        type: "gauge",
        host: "owl",
        tags: ["zone:a"],
        at: NOW,
        value: 1.5,
      },
      { event: "log", log: { message: "a" } },
      { event: "refused", method: "POST", path: "/api/v2/series", status: 400 },
      { event: "summary", points: { received: 1 }, logs: { received: 1 } },
    ]);
  });

  it("ends by itself after as many points as --once asks for, once they are answered", async () => {
    const url = await chouetteIntake("--json", "--once", "3");
    expect(await post(`${url}/v2/series`, series("engine.rpm", 1, 2))).toBe(202);
    expect(await post(`${url}/v2/series`, series("engine.rpm", 3))).toBe(202);
    expect(await running.ended).toBe(0);
    expect(events().at(-1)).toMatchObject({ event: "summary", points: { received: 3, overwritten: 1 } });
  });

  it("asks for the key that it is given, and never shows it", async () => {
    const url = await chouetteIntake("--api-key", KEY);
    expect(await post(`${url}/v2/series`, series("engine.rpm", 1), "another")).toBe(403);
    expect(await post(`${url}/v2/series`, series("engine.rpm", 1))).toBe(202);
    await running.wrote("engine.rpm");
    await running.end();
    // As a word of a shell.
    expect(running.output()).toContain("API_KEY='(the --api-key)' \\\n");
    expect(running.output()).not.toContain(KEY);
    expect(running.output()).not.toContain("another");
  });

  it("says that a port is taken, and what to do", async () => {
    const other = await startIntake();
    try {
      const { host } = new URL(other.url);
      running = run(process.execPath, [CHOUETTE, "intake", "--listen", host]);
      expect(await running.ended).toBe(1);
      expect(running.output()).toMatch(/can't listen on this address: .*EADDRINUSE.*; try another --listen/);
    } finally {
      await other.close();
    }
  });

  it("says what is wrong with an option", async () => {
    running = run(process.execPath, [CHOUETTE, "intake", "--once", "none"]);
    expect(await running.ended).toBe(2);
    expect(running.output()).toContain("Expected a whole number of points from 1 to 1000000000.");
  });

  it("draws one table on a terminal, with the newest of each series", async () => {
    const command = `stty cols 120 rows 30; exec ${process.execPath} ${CHOUETTE} intake --listen 127.0.0.1:0 --once 2`;
    running = run("script", ["-qec", command, "/dev/null"]);
    await running.wrote(/DATADOG_URL=http:\S+/);
    const [, url = ""] = /DATADOG_URL=(http:\S+)/.exec(running.output()) ?? [];
    expect(await post(`${url}/v2/series`, series("engine.rpm", 1, 2))).toBe(202);
    expect(await running.ended).toBe(0);
    const lastDrawing = running.output().split("\u001b[H").at(-1) ?? "";
    expect(lastDrawing).toMatch(/engine\.rpm +gauge +2 /);
    expect(lastDrawing).not.toMatch(/engine\.rpm +gauge +1 /);
    expect(lastDrawing).toContain("Points: 2 received");
  });
});
