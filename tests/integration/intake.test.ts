/** The stand-in for Datadog's intake, over real HTTP. */
import { execFile } from "node:child_process";
import { request } from "node:http";
import { promisify } from "node:util";
import { deflateSync, gzipSync } from "node:zlib";
import { milliseconds, seconds } from "@chouette-iot/record";
import protobufjs from "protobufjs";
import { afterEach, describe, expect, it } from "vitest";
import {
  type AnsweredRequest,
  type Intake,
  type IntakeOptions,
  startIntake,
} from "../../packages/agent/src/intake/intake.js";
import { encodeMetricPayload } from "../../packages/agent/src/outputs/series-protobuf.js";
import { until } from "../support/until.js";

const NOW = 1_700_000_000;
const KEY = "k".repeat(32);

let intake: Intake;
afterEach(() => intake?.close());

async function start(options: IntakeOptions = {}): Promise<void> {
  intake = await startIntake({ now: () => milliseconds(NOW * 1000), ...options });
}

interface Sent {
  readonly path?: string;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
}

function post({ path = "/api/v2/series", body = seriesV2(), headers = {} }: Sent = {}): Promise<Response> {
  const all = { "DD-API-KEY": KEY, "Content-Type": "application/json", ...headers };
  return fetch(intake.url + path, { method: "POST", headers: all, body });
}

async function answerOf(response: Promise<Response>): Promise<[status: number, body: unknown]> {
  const { status, json } = await response.then((found) => ({ status: found.status, json: found.json() }));
  return [status, await json];
}

function seriesV2(value = 1.5, metric = "engine.rpm"): string {
  const resources = [{ type: "host", name: "owl" }];
  const points = [{ timestamp: NOW, value }];
  return JSON.stringify({ series: [{ metric, type: 1, interval: 10, resources, tags: ["zone:a"], points }] });
}

const seriesV1 = JSON.stringify({
  series: [
    {
      metric: "engine.rpm",
      type: "count",
      interval: 10,
      host: "owl",
      tags: ["zone:a"],
      points: [[NOW, 1.5]],
    },
  ],
});
const protobuf = new Uint8Array(
  encodeMetricPayload(
    [
      {
        metric: "engine.rpm",
        type: "count",
        interval: seconds(10),
        tags: ["zone:a"],
        points: [[seconds(NOW), 1.5]],
      },
    ],
    "owl",
  ),
);
const kept = {
  metric: "engine.rpm",
  type: "count",
  host: "owl",
  tags: ["zone:a"],
  interval: 10,
  at: NOW,
  value: 1.5,
};

describe("what the intake accepts", () => {
  const json = { "Content-Type": "application/json" };
  const deflated = { "Content-Encoding": "deflate" };
  const gzipped = { "Content-Encoding": "gzip" };
  const asProtobuf = { "Content-Type": "application/x-protobuf" };
  it.each<[string, string, Sent]>([
    ["v2 as JSON", "v2", { body: seriesV2() }],
    ["v2 as JSON, deflated", "v2", { body: new Uint8Array(deflateSync(seriesV2())), headers: deflated }],
    ["v2 as JSON with a charset", "v2", { headers: { "Content-Type": "application/json; charset=utf-8" } }],
    ["v2 as protobuf", "v2", { body: protobuf, headers: asProtobuf }],
    [
      "v2 as protobuf, gzipped",
      "v2",
      { body: new Uint8Array(gzipSync(protobuf)), headers: { ...asProtobuf, ...gzipped } },
    ],
    ["v1", "v1", { body: seriesV1, headers: json }],
    ["v1, deflated", "v1", { body: new Uint8Array(deflateSync(seriesV1)), headers: deflated }],
    ["v1, gzipped", "v1", { body: new Uint8Array(gzipSync(seriesV1)), headers: gzipped }],
  ])("is kept, and answered in Datadog's words: %s", async (_, version, sent) => {
    await start({ apiKey: KEY });
    const expected = version === "v1" ? { status: "ok" } : { errors: [] };
    expect(await answerOf(post({ path: `/api/${version}/series`, ...sent }))).toEqual([202, expected]);
    expect(intake.points()).toEqual([kept]);
  });

  it("is the last value of a second, counted as overwritten", async () => {
    await start();
    for (const value of [1, 2, 3]) await post({ body: seriesV2(value) });
    expect(intake.points()).toEqual([{ ...kept, value: 3 }]);
    expect(intake.counts()).toMatchObject({
      requests: { "/api/v2/series": { "202": 3 } },
      points: { received: 3, overwritten: 2 },
    });
  });

  it("are logs, in a bounded list", async () => {
    await start({ keepLogs: 2 });
    const day = 24 * 3600 * 1000;
    const logs = [
      { date: new Date(NOW * 1000 - day).toISOString() },
      { msg: "a" },
      { msg: "b".repeat(1_000_001) },
    ];
    const body = new Uint8Array(gzipSync(JSON.stringify(logs)));
    const answer = answerOf(post({ path: "/api/v2/logs", body, headers: gzipped }));
    expect(await answer).toEqual([202, {}]);
    expect(intake.logs().map(({ fields }) => fields)).toEqual(logs.slice(1));
    expect(intake.counts().logs).toEqual({ received: 3, old: 1, tooLong: 1, forgotten: 1 });
  });

  it("are the last of over 100,000 checks in one body", async () => {
    await start();
    const check = (name: string) => JSON.stringify({ check: name, status: 0, host_name: "" });
    const checks = `[${`${check("a")},`.repeat(123_999)}${check("b")}]`;
    const body = new Uint8Array(gzipSync(checks));
    const answer = answerOf(post({ path: "/api/v1/check_run", body, headers: gzipped }));
    expect(await answer).toEqual([202, { status: "ok" }]);
    expect(intake.checks()).toHaveLength(10_000);
    expect(intake.checks().at(-1)).toMatchObject({ check: "b" });
  });

  it("is a key that it knows, asked of /api/v1/validate", async () => {
    await start({ apiKey: KEY });
    const validate = (key: string) =>
      fetch(`${intake.url}/api/v1/validate`, { headers: { "DD-API-KEY": key } });
    expect(await answerOf(validate(KEY))).toEqual([200, { valid: true }]);
    expect(await answerOf(validate("other"))).toEqual([403, { errors: ["Forbidden"] }]);
  });

  it("comes from curl as well", async () => {
    await start();
    const args = [
      "-sS",
      "-H",
      `DD-API-KEY: ${KEY}`,
      "-H",
      "Content-Type: application/json",
      "-d",
      seriesV2(),
    ];
    const { stdout } = await promisify(execFile)("curl", [...args, `${intake.url}/api/v2/series`]);
    expect(stdout).toBe('{"errors":[]}');
    expect(intake.points()).toEqual([kept]);
  });

  it("is counted in bytes, as sent and inflated", async () => {
    await start();
    const body = new Uint8Array(deflateSync(seriesV2()));
    await post({ body, headers: deflated });
    expect(intake.counts().bytes).toEqual({ sent: body.length, inflated: seriesV2().length });
  });
});

/** A sketch with these many keys 0, and counts 1, that says it is of 0 values. */
function sketchOfKeys(keys: number): Uint8Array<ArrayBuffer> {
  const series = new protobufjs.Writer().uint32(10).fork().uint32(10).string("a");
  const sketch = series.uint32(58).fork();
  sketch.uint32(58).bytes(new Uint8Array(keys)).uint32(66).bytes(new Uint8Array(keys).fill(1));
  return new Uint8Array(sketch.ldelim().ldelim().finish());
}

describe("what the intake refuses", () => {
  const big = (bytes: number) => " ".repeat(bytes);
  const zeros = (bytes: number) => new Uint8Array(deflateSync(Buffer.alloc(bytes)));
  const deflated = { "Content-Encoding": "deflate" };
  it.each<[string, number, RegExp, Sent]>([
    ["another key", 403, /^Forbidden$/, { headers: { "DD-API-KEY": "other" } }],
    ["no key", 403, /^Forbidden$/, { headers: { "DD-API-KEY": "" } }],
    [
      "a key in the URL",
      403,
      /^Forbidden$/,
      { path: `/api/v2/series?api_key=${KEY}`, headers: { "DD-API-KEY": "" } },
    ],
    ["an unknown path", 404, /Not found/, { path: "/api/v9/series" }],
    ["a POST where a GET belongs", 405, /takes GET/, { path: "/api/v1/validate" }],
    ["v2 of 512,001 bytes", 413, /over 512000 bytes/, { body: big(512_001) }],
    ["v1 of 3,200,001 bytes", 413, /over 3200000 bytes/, { path: "/api/v1/series", body: big(3_200_001) }],
    [
      "v2 of over 5 MiB inflated",
      413,
      /inflates to over 5242880/,
      { body: zeros(5_242_881), headers: deflated },
    ],
    [
      "v1 of over 60 MiB inflated",
      413,
      /inflates to over 62914560/,
      { path: "/api/v1/series", body: zeros(62_914_561), headers: deflated },
    ],
    [
      "logs of over 5 MB inflated",
      413,
      /inflates to over 5000000/,
      { path: "/api/v2/logs", body: zeros(5_000_001), headers: deflated },
    ],
    [
      "1001 logs",
      413,
      /over 1000 logs/,
      { path: "/api/v2/logs", body: JSON.stringify(Array(1001).fill({})) },
    ],
    [
      "an unknown encoding",
      415,
      /Content-Encoding should be one of/,
      { headers: { "Content-Encoding": "br" } },
    ],
    [
      "zstd at v1",
      415,
      /Content-Encoding should be one of/,
      { path: "/api/v1/series", headers: { "Content-Encoding": "zstd" } },
    ],
    [
      "an unknown content type",
      415,
      /Content-Type should be one of/,
      { headers: { "Content-Type": "text/plain" } },
    ],
    [
      "protobuf at v1",
      415,
      /Content-Type should be/,
      { path: "/api/v1/series", headers: { "Content-Type": "application/x-protobuf" } },
    ],
    ["what is not deflate", 400, /the body is not deflate/, { headers: deflated }],
    [
      "what is not protobuf",
      400,
      /the body is not protobuf/,
      { headers: { "Content-Type": "application/x-protobuf" } },
    ],
    [
      "a sketch of 200,000 keys whose counts don't add up",
      400,
      /the counts add up to 200000, but cnt is 0/,
      {
        path: "/api/beta/sketches",
        body: sketchOfKeys(200_000),
        headers: { "Content-Type": "application/x-protobuf" },
      },
    ],
    ["what breaks a rule", 400, /series\[0\] "42": metric should be/, { body: seriesV2(1, "42") }],
    [
      "a log that is no object",
      400,
      /logs\[1\] should be an object/,
      { path: "/api/v2/logs", body: '[{},"a"]' },
    ],
    ["a log alone", 400, /should be an array/, { path: "/api/v2/logs", body: "{}" }],
    [
      "a log that is nested without end",
      400,
      /nested more than 200 levels deep/,
      { path: "/api/v2/logs", body: `[{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}]` },
    ],
    [
      "an event that is nested without end",
      400,
      /nested more than 200 levels deep/,
      {
        path: "/api/v1/events",
        body: `{"title":"a","text":"b","x":${"[".repeat(5_000)}${"]".repeat(5_000)}}`,
      },
    ],
    [
      "a check that is nested without end",
      400,
      /nested more than 200 levels deep/,
      {
        path: "/api/v1/check_run",
        body: `{"check":"a","status":0,"host_name":"","x":${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}}`,
      },
    ],
    [
      "a type that is nested without end",
      400,
      /nested more than 200 levels deep/,
      { body: `{"series":[{"metric":"a","type":${"[".repeat(5_000)}${"]".repeat(5_000)}}]}` },
    ],
  ])("is answered with what is wrong, and not kept: %s", async (_, status, reason, sent) => {
    await start({ apiKey: KEY });
    expect(await answerOf(post(sent))).toEqual([status, { errors: [expect.stringMatching(reason)] }]);
    expect([intake.points(), intake.logs()]).toEqual([[], []]);
    const path = sent.path?.split("?")[0] ?? "/api/v2/series";
    expect(intake.counts().requests).toEqual({ [status === 404 ? "other" : path]: { [status]: 1 } });
  });

  it("is the whole payload, where one series of it is refused on demand", async () => {
    await start({ refuse: ({ metric }) => (metric === "bad" ? "no bad ones" : undefined) });
    const [good] = JSON.parse(seriesV2()).series;
    const both = JSON.stringify({ series: [good, { ...good, metric: "bad" }] });
    expect(await answerOf(post({ body: both }))).toEqual([400, { errors: ["no bad ones"] }]);
    expect((await post()).status).toBe(202);
    expect(intake.points()).toEqual([kept]);
  });

  it("is the whole payload, where one log of it is refused on demand", async () => {
    await start({ refuseLog: ({ fields }) => (fields.bad ? "no bad ones" : undefined) });
    const answer = answerOf(post({ path: "/api/v2/logs", body: '[{"good":1},{"bad":1}]' }));
    expect(await answer).toEqual([400, { errors: ["no bad ones"] }]);
    expect(intake.logs()).toEqual([]);
  });
});

describe("faults on demand", () => {
  it("answer in place of the work", async () => {
    await start({ rules: () => ({ status: 429, headers: { "Retry-After": "7" }, body: "slow down" }) });
    const response = await post();
    expect([response.status, response.headers.get("retry-after"), await response.text()]).toEqual([
      429,
      "7",
      "slow down",
    ]);
    expect(intake.points()).toEqual([]);
  });

  it("are asked for by request, with its number, method and path", async () => {
    const asked: unknown[] = [];
    await start({
      rules: (request) => {
        asked.push(request);
        return request.number === 1 ? { status: 503 } : undefined;
      },
    });
    expect([(await post()).status, (await post()).status]).toEqual([503, 202]);
    expect(asked[1]).toEqual({
      number: 2,
      method: "POST",
      path: "/api/v2/series",
      bytes: expect.any(Number),
    });
  });

  it("hang until the sender gives up; others go on meanwhile", async () => {
    await start({ rules: ({ number }) => (number === 1 ? { hang: true } : undefined) });
    const sender = new AbortController();
    const headers = { "DD-API-KEY": KEY, "Content-Type": "application/json" };
    const hanging = fetch(`${intake.url}/api/v2/series`, {
      method: "POST",
      headers,
      body: seriesV2(),
      signal: sender.signal,
    });
    const failed = hanging.catch((error: Error) => error.name);
    await until("the request to hang", () => intake.counts().requests["/api/v2/series"]?.none === 1);
    expect((await post()).status).toBe(202);
    sender.abort();
    expect(await failed).toBe("AbortError");
  });

  it("end with the intake where they hang", async () => {
    await start({ rules: () => ({ hang: true }) });
    const failed = post().catch((error: Error) => error.name);
    await until("the request to hang", () => intake.counts().requests["/api/v2/series"]?.none === 1);
    await intake.close();
    expect(await failed).toBe("TypeError");
  });

  it.each([
    0, 10, 1_000_000,
  ])("close the connection after %i bytes, and keep nothing", async (closeAfterBytes) => {
    await start({ rules: () => ({ closeAfterBytes }) });
    await expect(post()).rejects.toThrow();
    expect(intake.points()).toEqual([]);
    expect(intake.counts().requests).toEqual({ "/api/v2/series": { none: 1 } });
  });

  it("lose the answer of what is kept", async () => {
    await start({ rules: () => ({ loseAnswer: true }) });
    await expect(post()).rejects.toThrow();
    expect(intake.points()).toEqual([kept]);
    expect(intake.counts().requests).toEqual({ "/api/v2/series": { none: 1 } });
  });

  it("that throw are told to the sender", async () => {
    await start({
      rules: () => {
        throw new Error("a slip in the test");
      },
    });
    expect(await answerOf(post())).toEqual([500, { errors: ["the stand-in failed: a slip in the test"] }]);
  });
});

describe("the intake", () => {
  it("counts a sender that goes away half way, and goes on", async () => {
    await start();
    const headers = { "DD-API-KEY": KEY, "Content-Type": "application/json", "Content-Length": "1000" };
    const sender = request(`${intake.url}/api/v2/series`, { method: "POST", headers });
    sender.on("error", () => {});
    sender.write("{", () => sender.destroy());
    await until(
      "the broken request to be counted",
      () => intake.counts().requests["/api/v2/series"]?.none === 1,
    );
    expect((await post()).status).toBe(202);
  });

  it("tells of each request what became of it", async () => {
    const told: AnsweredRequest[] = [];
    await start({ onRequest: (request) => told.push(request) });
    await post();
    await post({ body: "{" });
    await until("both requests to be told of", () => told.length === 2);
    expect(told.map(({ number, status }) => [number, status])).toEqual([
      [1, 202],
      [2, 400],
    ]);
    expect(told[0]?.submission.series).toHaveLength(1);
    expect(told[1]?.reason).toMatch(/not JSON/);
  });

  it("says that a port is taken", async () => {
    await start();
    const port = Number(new URL(intake.url).port);
    await expect(startIntake({ port })).rejects.toThrow("EADDRINUSE");
  });
});
