/** The table of answers in docs/DELIVERY.md, row by row, over real HTTP: delivered, kept, split, or dead letters. */
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import type { Rules } from "../../packages/agent/src/intake/faults.js";
import type { Intake } from "../../packages/agent/src/intake/intake.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { type Delivering, deliveries } from "../support/delivering.js";
import { listen } from "../support/listening.js";
import { reservedPort } from "../support/ports.js";
import { until } from "../support/until.js";

const cleanUps = cleanUpsAfterEach();

const { intakeWith, deliverTo } = deliveries(cleanUps);

const series: (request: { readonly path: string }) => boolean = ({ path }) => path === "/api/v2/series";

/** The first requests for series get these answers, the others succeed. */
function first(count: number, fault: ReturnType<Rules>): Rules {
  let met = 0;
  return (request) => (series(request) && met++ < count ? fault : undefined);
}

function names(intake: Intake): readonly string[] {
  return intake.points().map(({ metric }) => metric);
}

describe("an answer of 2xx", () => {
  it("settles the batch as delivered, and counts its bytes as the intake does", async () => {
    const intake = await intakeWith();
    const delivering = deliverTo(intake.url);
    await delivering.put("a");
    await delivering.put("b");
    await delivering.dispatcher.dispatch();
    expect(names(intake)).toEqual(["a", "b"]);
    expect(await delivering.waiting()).toBe(0);
    expect(await delivering.delivered()).toBe(2);
    expect(await delivering.bodyBytes()).toBe(intake.counts().bytes.sent);
    // Headers, and the answer, count as well.
    expect(delivering.sentBytes.today()).toBeGreaterThan(await delivering.bodyBytes());
  });
});

describe("a failure that passes keeps every record, to be sent again", () => {
  it.each([
    ["404, as of a wrong address", { status: 404 }],
    ["405, as web servers answer", { status: 405 }],
    ["407, as proxies answer", { status: 407 }],
    ["408", { status: 408 }],
    ["429", { status: 429 }],
    ["500", { status: 500 }],
    ["503", { status: 503 }],
    ["a redirect, as captive portals answer", { status: 302, headers: { location: "http://portal/" } }],
    ["200 with a page, as captive portals answer", { status: 200, body: "<html>Welcome</html>" }],
    ["200 with a text", { status: 200, body: "OK" }],
    ["200 with JSON that isn't an object", { status: 200, body: "[]" }],
    ["200 with half an object", { status: 200, body: '{"errors":[' }],
    ["202 with errors", { status: 202, body: '{"errors":["no room"]}' }],
    ["an empty 200", { status: 200, body: "" }],
    ["204", { status: 204, body: "" }],
    ["a status that is none", { status: 999 }],
    ["no answer", { hang: true }],
    ["a connection closed before the body's end", { closeAfterBytes: 1 }],
    ["a connection closed in place of the answer", { loseAnswer: true }],
  ] as const)("%s", async (_, fault) => {
    const intake = await intakeWith({ rules: first(2, fault) });
    const delivering = deliverTo(intake.url);
    await delivering.put("a");
    const { delivered, failure } = await delivering.dispatcher.dispatch();
    expect({ delivered, kind: failure?.kind }).toEqual({ delivered: 0, kind: "unavailable" });
    // The answer isn't about the records.
    expect(failure?.reason).not.toContain("refused:");
    expect(await delivering.waiting()).toBe(1);
    delivering.run();
    await until("the record to be delivered", async () => (await delivering.waiting()) === 0);
    expect(names(intake)).toEqual(["a"]);
    expect(await delivering.delivered()).toBe(1);
    expect(await delivering.rejected()).toEqual([]);
  });

  it.each([
    ["a status and then silence", "HTTP/1.1 202 Accepted\r\n", false],
    ["half an answer and then silence", "HTTP/1.1 202 Accepted\r\nContent-Length: 99\r\n\r\n{", false],
    ["half an answer and then its end", "HTTP/1.1 202 Accepted\r\nContent-Length: 99\r\n\r\n{", true],
    ["what is no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", false],
    ["nothing but an end", "", true],
  ])("%s", async (_, answer, isEnded) => {
    const server = createServer((socket) => {
      socket.once("data", () => {
        socket.write(answer);
        if (isEnded) socket.end();
      });
    });
    const { port, stop } = await listen(server);
    const delivering = deliverTo(`http://127.0.0.1:${port}`);
    await delivering.put("a");
    expect(await delivering.dispatcher.dispatch()).toMatchObject({
      delivered: 0,
      rejected: 0,
      failure: { kind: "unavailable", answered: false },
    });
    await stop();
    const intake = await intakeWith({ port });
    await delivering.dispatcher.dispatch();
    expect(names(intake)).toEqual(["a"]);
  });

  it("an intake that isn't there, and then is", async () => {
    const port = await reservedPort();
    const delivering = deliverTo(`http://127.0.0.1:${port}`);
    await delivering.put("a");
    delivering.run();
    await until("some attempts", () => delivering.waits.length > 5);
    expect(delivering.sentBytes.today()).toBe(0);
    const intake = await intakeWith({ port });
    await until("the record to be delivered", async () => (await delivering.waiting()) === 0);
    expect(names(intake)).toEqual(["a"]);
    expect(delivering.said.filter((text) => text.startsWith("Datadog is unavailable: "))).toHaveLength(1);
    expect(delivering.said.filter((text) => text.startsWith("Datadog recovered after "))).toHaveLength(1);
  });

  it("waits as long as Retry-After asks, and never longer than an hour", async () => {
    const asked = ["120", new Date(Date.now() + 300_000).toUTCString(), "999999999"];
    let met = 0;
    const intake = await intakeWith({
      rules: (request) => {
        const after = series(request) ? asked[met++] : undefined;
        return after === undefined ? undefined : { status: 429, headers: { "retry-after": after } };
      },
    });
    const delivering = deliverTo(intake.url);
    await delivering.put("a");
    delivering.run();
    await until("the record to be delivered", async () => (await delivering.waiting()) === 0);
    const [inSeconds, byDate, forever] = delivering.waits;
    expect(inSeconds).toBe(120_000);
    expect(byDate).toBeGreaterThan(290_000);
    expect(byDate).toBeLessThanOrEqual(300_000);
    expect(forever).toBe(3_600_000);
  });
});

it("a batch is sent under the host name of that moment, which a device may get late at boot", async () => {
  const intake = await intakeWith();
  let hostName = "localhost";
  const delivering = deliverTo(intake.url, { hostName: () => hostName });
  await delivering.put("early");
  await delivering.dispatcher.dispatch();
  hostName = "pi-in-the-hall";
  await delivering.put("late");
  await delivering.dispatcher.dispatch();
  expect(intake.points().map(({ metric, host }) => [metric, host])).toEqual([
    ["early", "localhost"],
    ["late", "pi-in-the-hall"],
  ]);
});

describe("a batch that is too large", () => {
  it("is split after a 413, and what is too large by itself set aside", async () => {
    const intake = await intakeWith({
      rules: ({ path, bytes = 0 }) =>
        path === "/api/v2/series" && bytes > 1_000 ? { status: 413 } : undefined,
    });
    const delivering = deliverTo(intake.url);
    await delivering.put("a", 10, randomTags(20));
    for (const name of ["b", "c", "d"]) await delivering.put(name);
    await delivering.dispatcher.dispatch();
    expect([...names(intake)].sort()).toEqual(["b", "c", "d"]);
    const [only, ...others] = await delivering.rejected();
    expect(only?.reason).toContain("HTTP 413");
    expect(JSON.parse(only?.value ?? "")).toMatchObject({ metric: "a" });
    expect(others).toEqual([]);
  });

  it("is split before it is sent, into as few parts as fit", async () => {
    const intake = await intakeWith();
    const delivering = deliverTo(intake.url, { batchSize: 10_000 });
    // 20 tags of 200 random letters in each: of 2 MB zstd makes two thirds.
    for (let index = 0; index < 500; index++) await delivering.put(`m${index}`, 10, randomTags(20));
    await delivering.dispatcher.dispatch();
    expect(names(intake)).toHaveLength(500);
    const { requests, bytes } = intake.counts();
    const { 202: taken = 0, ...others } = requests["/api/v2/series"] ?? {};
    expect(others).toEqual({});
    expect(bytes.sent / taken).toBeGreaterThan(512_000 / 2);
  });
});

describe("a record that the intake refuses", () => {
  it("is found and rejected with the answer, and all others are delivered", async () => {
    const isBad = new Set(["m13", "m14", "m77"]);
    const intake = await intakeWith({
      refuse: ({ metric }) => (isBad.has(metric) ? `${metric} is not welcome` : undefined),
    });
    const delivering = deliverTo(intake.url, { batchSize: 40 });
    for (let index = 0; index < 100; index++) await delivering.put(`m${index}`);
    await delivering.dispatcher.dispatch();
    expect(names(intake)).toHaveLength(97);
    const rejected = await delivering.rejected();
    expect(rejected.map(({ value }) => JSON.parse(value).metric).sort()).toEqual([...isBad]);
    for (const { reason } of rejected) expect(reason).toContain("is not welcome");
    expect(await delivering.waiting()).toBe(0);
    expect(await delivering.bodyBytes()).toBe(intake.counts().bytes.sent);
  });

  it.each([409, 422])("after a %s as well", async (status) => {
    const intake = await intakeWith({
      rules: ({ path, bytes = 0 }) => (path === "/api/v2/series" && bytes > 1_000 ? { status } : undefined),
    });
    const delivering = deliverTo(intake.url);
    await delivering.put("a", 10, randomTags(20));
    await delivering.put("b");
    await delivering.dispatcher.dispatch();
    expect((await delivering.rejected())[0]?.reason).toContain(`HTTP ${status}`);
    expect(names(intake)).toEqual(["b"]);
  });

  it("is kept while nothing else is accepted", async () => {
    const intake = await intakeWith({ refuse: () => "not welcome" });
    const delivering = deliverTo(intake.url);
    await delivering.put("a");
    expect(await delivering.dispatcher.dispatch()).toMatchObject({
      rejected: 0,
      failure: { kind: "unavailable", reason: expect.stringContaining("everything is refused: HTTP 400") },
    });
    expect(await delivering.waiting()).toBe(1);
  });
});

describe("a middlebox that refuses everything", () => {
  it.each([400, 413, 415, 451])("by %d costs few requests and no record", async (status) => {
    let isThere = true;
    const intake = await intakeWith({ rules: () => (isThere ? { status } : undefined) });
    const delivering = deliverTo(intake.url, { batchSize: 2_000 });
    for (let index = 0; index < 2_000; index++) await delivering.put(`m${index}`);
    const whole = await bytesOfOneRequest(delivering);
    delivering.run();
    const waited = () => delivering.waits.reduce<number>((sum, wait) => sum + wait, 0);
    await until("70 s of waits", () => waited() > 70_000);
    const { requests, bytes } = intake.counts();
    expect(requests["/api/v2/series"]?.[status]).toBeLessThan(40);
    expect(bytes.sent).toBeLessThan(5 * whole);
    expect(await delivering.rejected()).toEqual([]);
    expect(delivering.said.filter((text) => text.startsWith("Datadog is unavailable: "))).toHaveLength(1);
    isThere = false;
    await until("all to be delivered", async () => (await delivering.waiting()) === 0);
    expect(new Set(names(intake)).size).toBe(2_000);
    expect(await delivering.delivered()).toBe(2_000);
    expect(await delivering.rejected()).toEqual([]);
  });

  /** Without the search for a refused record. */
  async function bytesOfOneRequest(delivering: Delivering): Promise<number> {
    const sizes: number[] = [];
    const seen = createHttpServer((request, response) => {
      sizes.push(Number(request.headers["content-length"]));
      request.resume().on("end", () => response.writeHead(503).end());
    });
    const { port, stop } = await listen(seen);
    const other = deliverTo(`http://127.0.0.1:${port}`, { batchSize: 2_000, store: delivering.store });
    await other.dispatcher.dispatch();
    await stop();
    return sizes[0] ?? 0;
  }
});

describe("after an outage", () => {
  it("sends the fresh first, then the backlog from its oldest, round a batch that fails", async () => {
    const intake = await intakeWith({ rules: first(1, { status: 500 }) });
    const delivering = deliverTo(intake.url, { batchSize: 1 });
    await delivering.put("oldest", 9_000);
    await delivering.put("old", 5_000);
    await delivering.put("fresh", 20);
    await delivering.put("freshest", 10);
    await delivering.dispatcher.dispatch();
    // The first batch got the 500; the next was sent nevertheless.
    expect(names(intake)).toEqual(["freshest"]);
    await delivering.dispatcher.dispatch();
    expect(names(intake)).toEqual(["freshest", "fresh", "oldest", "old"]);
  });
});

function randomTags(count: number): readonly string[] {
  const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  const letter = () => letters[Math.floor(Math.random() * letters.length)];
  return Array.from(
    { length: count },
    (_, index) => `t${index}:${Array.from({ length: 195 }, letter).join("")}`,
  );
}
