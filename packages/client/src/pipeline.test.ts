/** A client from its calls to the broker: every accepted call is stored, counted and answered, however it ends. */
import { readdirSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { newFolder } from "../../../tests/support/folders.js";
import { type RespServer, startRespServer } from "../../../tests/support/resp-server.js";
import { until } from "../../../tests/support/until.js";
import { ChouetteClient } from "./client.js";
import type { ChouetteClientOptions } from "./options.js";

const RAW = "chouette:metrics:raw";
const LONG_MS = 3_600_000;
let server: RespServer;
let folder: Awaited<ReturnType<typeof newFolder>>;
let clients: ChouetteClient[];

beforeEach(async () => {
  server = await startRespServer();
  folder = await newFolder();
  clients = [];
});
afterEach(async () => {
  for (const client of clients) await client.close({ timeoutMs: 1 });
  await server.stop();
  await folder.remove();
});

/** A client that answers nothing early, and sends when it is flushed. */
function start(options: ChouetteClientOptions = {}): ChouetteClient {
  const client = new ChouetteClient({
    port: server.port,
    answerTimeoutMs: LONG_MS,
    lingerMs: LONG_MS,
    ...options,
  });
  clients.push(client);
  return client;
}

const recordsOf = (queue: string) =>
  [...server.records(queue).values()].map(({ score, value }) => ({ score, ...JSON.parse(value) }));

/** The balance of a client's books, which holds at any time. */
function expectBalance(client: ChouetteClient) {
  const { accepted, recovered, aggregated, stored, buffered, spilled, dropped } = client.stats();
  const lost = Object.values(dropped).reduce((sum, records) => sum + records, 0);
  expect(accepted + recovered).toBe(aggregated + stored + buffered + spilled + lost);
}

/** Two calls of each kind. */
function callAll(client: ChouetteClient): readonly Promise<boolean>[] {
  const logs = client.logSink({ service: "s" });
  return [1, 2].flatMap((n) => [
    client.count("count", n),
    client.rate("rate", n),
    client.gauge("gauge", n),
    client.distribution("distribution", n),
    client.histogram("histogram", n),
    client.set("set", [n, "a"]),
    client.count("count.at", n, { timestamp: 1_000 + n }),
    client.set("set.at", [n], { timestamp: 1_000 + n }),
    logs.info(`log ${n}`),
    client.event(`event ${n}`, "text", { timestamp: 2_000 }),
    client.serviceCheck("check", 0, { timestamp: 2_000 }),
  ]);
}

describe("calls of every kind", () => {
  test("are combined by context and second, except those that can't be, and each is in its queue", async () => {
    const client = start();
    const answers = callAll(client);
    const before = client.stats();
    expect(before).toMatchObject({ accepted: 22, stored: 0, connected: false });
    expect(["lastStored", "lastError"].filter((field) => field in before)).toEqual([]);
    expect(before.buffered + before.aggregated).toBe(22);
    expectBalance(client);
    expect(await client.flush({ timeoutMs: LONG_MS })).toBe(true);
    expect(await Promise.all(answers)).toEqual(answers.map(() => true));
    const sums = new Map<string, unknown[]>();
    for (const { metric, type, value } of recordsOf(RAW)) {
      sums.set(`${metric} ${type}`, [...(sums.get(`${metric} ${type}`) ?? []), value]);
    }
    // If a second ends in between, the two calls are two records.
    const total = (name: string) => sums.get(name)?.reduce((sum: number, value) => sum + Number(value), 0);
    expect([total("count count"), total("rate rate"), sums.get("gauge gauge")?.at(-1)]).toEqual([3, 3, 2]);
    expect(new Set(sums.get("set set")?.flat())).toEqual(new Set([1, "a", 2]));
    expect(sums.has("distribution sketch")).toBe(true);
    expect([sums.get("histogram histogram"), sums.get("count.at count"), sums.get("set.at set")]).toEqual([
      [1, 2],
      [1, 2],
      [[1], [2]],
    ]);
    const at = recordsOf(RAW).filter(({ metric }) => metric === "set.at");
    expect(at.map(({ score, timestamp }) => [score, timestamp])).toEqual([
      ["1001", 1001],
      ["1002", 1002],
    ]);
    expect(recordsOf("chouette:logs:wrapped").map(({ message }) => message.msg)).toEqual(["log 1", "log 2"]);
    expect(recordsOf("chouette:events:wrapped").map(({ score, title }) => [score, title])).toEqual([
      ["2000", "event 1"],
      ["2000", "event 2"],
    ]);
    expect(recordsOf("chouette:checks:wrapped").map(({ check }) => check)).toEqual(["check", "check"]);
    const now = Date.now() / 1_000;
    for (const { metric, score, timestamp } of recordsOf(RAW)) {
      expect(Number(score)).toBe(timestamp);
      if (!metric.endsWith(".at")) expect(Math.abs(timestamp - now)).toBeLessThan(60);
    }
    const after = client.stats();
    expect(after).toMatchObject({ accepted: 22, buffered: 0, connected: true, disconnections: 0 });
    expect(after.stored + after.aggregated).toBe(22);
    expect(Number(after.lastStored)).toBeGreaterThan(Date.now() - 60_000);
    expectBalance(client);
  });

  test("of one context are a record for each second, all but those of a histogram", () => {
    const client = start();
    const makers = [
      () => client.count("m", 1),
      () => client.rate("m", 1),
      () => client.gauge("m", 1),
      () => client.distribution("m", 1),
      () => client.set("m", ["a"]),
    ];
    for (const call of makers) {
      const { aggregated } = client.stats();
      for (let calls = 0; calls < 50; calls++) call();
      // A second may end in between.
      expect(client.stats().aggregated - aggregated).toBeGreaterThan(40);
    }
    const { aggregated } = client.stats();
    for (let calls = 0; calls < 50; calls++) client.histogram("m", 1);
    expect(client.stats()).toMatchObject({ aggregated, accepted: 300 });
    expectBalance(client);
  });

  test("are separate records without aggregation", async () => {
    const client = start({ aggregate: false });
    callAll(client);
    expect(client.stats()).toMatchObject({ accepted: 22, aggregated: 0, buffered: 22 });
    expect(await client.flush({ timeoutMs: LONG_MS })).toBe(true);
    const values = recordsOf(RAW).map(({ metric, type, value }) => [metric, type, value]);
    expect(values.filter(([metric]) => metric === "count")).toEqual([
      ["count", "count", 1],
      ["count", "count", 2],
    ]);
    expect(values.filter(([metric]) => metric === "set")).toEqual([
      ["set", "set", [1, "a"]],
      ["set", "set", [2, "a"]],
    ]);
    expect(values).toHaveLength(16);
    expect(client.stats()).toMatchObject({ stored: 22, buffered: 0 });
  });

  test("are refused once the client is closed", async () => {
    const client = start();
    await client.close();
    expect(await Promise.all(callAll(client))).toEqual(Array.from({ length: 22 }, () => false));
    expect(client.stats()).toMatchObject({ accepted: 0, refused: { closed: 22 }, connected: false });
    expect(await client.flush()).toBe(true);
    expect(server.requests).toEqual([]);
  });

  test("go to the shard of their metric; logs, events and checks to one after the other", async () => {
    const client = start({ shards: 3, aggregate: false });
    for (let round = 0; round < 3; round++) {
      for (let metric = 0; metric < 20; metric++) client.gauge(`m${metric}`, round);
      void client.logSink().info(`log ${round}`);
      void client.event("e", "text");
      expect(await client.flush({ timeoutMs: LONG_MS })).toBe(true);
    }
    const names = [0, 1, 2].map((shard) =>
      recordsOf(`chouette:{${shard}}:metrics:raw`).map(({ metric }) => metric),
    );
    expect(names.flat()).toHaveLength(60);
    expect(names.reduce((sum, list) => sum + new Set(list).size, 0)).toBe(20);
    const logs = [0, 1, 2].map((shard) => recordsOf(`chouette:{${shard}}:logs:wrapped`).length);
    const events = [0, 1, 2].map((shard) => recordsOf(`chouette:{${shard}}:events:wrapped`).length);
    expect([logs, events].map((counts) => counts.reduce((sum, count) => sum + count, 0))).toEqual([3, 3]);
  });
});

describe("a flush", () => {
  test("is done if nothing waits, and not within its time if something does and there is no broker", async () => {
    server.fault = () => "cut";
    const client = start();
    expect(await client.flush({ timeoutMs: 0 })).toBe(true);
    client.increment("m");
    const begun = performance.now();
    expect(await client.flush({ timeoutMs: 50 })).toBe(false);
    expect(performance.now() - begun).toBeGreaterThan(45);
    expect(client.stats()).toMatchObject({ accepted: 1, buffered: 1 });
    server.fault = () => undefined;
    expect(await client.flush({ timeoutMs: LONG_MS })).toBe(true);
    expectBalance(client);
  });

  test("is done when the calls of the current second are stored", async () => {
    const client = start();
    const answer = client.increment("m", 5);
    expect(await client.flush({ timeoutMs: LONG_MS })).toBe(true);
    expect(recordsOf(RAW).map(({ value }) => value)).toEqual([5]);
    expect(await answer).toBe(true);
  });
});

describe("the end of a client", () => {
  test("sends what it has, closes its connection, and has no further listeners at the process", async () => {
    const before = process.listenerCount("exit");
    const client = start();
    expect(process.listenerCount("exit")).toBe(before === 0 ? 1 : before);
    client.increment("m", 5);
    const [first, second] = [client.close({ timeoutMs: LONG_MS }), client.close({ timeoutMs: 0 })];
    await Promise.all([first, second]);
    expect(recordsOf(RAW)).toHaveLength(1);
    await until("the connection to be closed", () => server.sockets.size === 0);
    expect([process.listenerCount("exit"), client.stats().connected]).toEqual([before, false]);
    expect(client.stats().dropped.closed).toBe(0);
  });

  test("drops and counts what it can't send in time", async () => {
    server.fault = () => "cut";
    const client = start();
    const drops: unknown[] = [];
    client.on("drop", (...args) => drops.push(args));
    const answers = [client.increment("m"), client.gauge("g", 1, { timestamp: 1 })];
    await client.close({ timeoutMs: 10 });
    expect(await Promise.all(answers)).toEqual([false, false]);
    expect(client.stats()).toMatchObject({ buffered: 0, dropped: { closed: 2 } });
    await until("the event", () => drops.length > 0);
    expect(drops).toEqual([["closed", 2]]);
    expectBalance(client);
  });
});

describe("what memory has no room for", () => {
  test("is dropped and counted without a spill", () => {
    server.fault = () => "cut";
    const client = start({ bufferRecords: 10, aggregate: false });
    for (let call = 0; call < 25; call++) client.gauge("m", call);
    const { buffered, dropped } = client.stats();
    expect([buffered <= 10, buffered + dropped.buffer_full]).toEqual([true, 25]);
    expectBalance(client);
  });

  test("is spilled with one, like what is left at the end, and sent by the next client without a call", async () => {
    server.fault = () => "cut";
    const client = start({ spill: { folder: folder.path }, bufferRecords: 10, aggregate: false });
    const answers = Array.from({ length: 25 }, (_, call) => client.gauge("m", call));
    expect(client.stats()).toMatchObject({ dropped: { buffer_full: 0 } });
    expect(client.stats().spilled).toBeGreaterThan(10);
    await client.close({ timeoutMs: 1 });
    expect(await Promise.all(answers)).toEqual(answers.map(() => false));
    expect(client.stats()).toMatchObject({ spilled: 25, buffered: 0, dropped: { closed: 0 } });
    expectBalance(client);
    server.fault = () => undefined;
    const next = start({ spill: { folder: folder.path } });
    await until("the records", () => next.stats().stored === 25);
    expect(next.stats()).toMatchObject({ accepted: 0, recovered: 25, spilled: 0 });
    expect(recordsOf(RAW).map(({ value }) => value)).toEqual(answers.map((_, call) => call));
    expect(await next.flush({ timeoutMs: LONG_MS })).toBe(true);
    expect(readdirSync(folder.path)).toEqual([]);
    expectBalance(next);
  });

  test("is dropped and counted if the disk has none either", async () => {
    server.fault = () => "cut";
    const errors: string[] = [];
    const client = start({
      spill: { folder: "/proc/no/such/folder" },
      bufferRecords: 10,
      aggregate: false,
      onError: ({ message }) => void errors.push(message),
    });
    for (let call = 0; call < 25; call++) client.gauge("m", call);
    expect(client.stats().dropped.buffer_full).toBeGreaterThan(10);
    await until("the error", () => errors.some((message) => message.includes("/proc/no")));
    expectBalance(client);
  });

  test("a flush waits until the spill is sent, too", async () => {
    server.fault = () => "cut";
    const client = start({ spill: { folder: folder.path }, bufferRecords: 10, aggregate: false });
    for (let call = 0; call < 11; call++) client.gauge("m", call);
    expect(client.stats()).toMatchObject({ spilled: 11, buffered: 0 });
    expect(await client.flush({ timeoutMs: 20 })).toBe(false);
    server.fault = () => undefined;
    expect(await client.flush({ timeoutMs: LONG_MS })).toBe(true);
    expect(client.stats()).toMatchObject({ stored: 11, spilled: 0 });
  });
});

describe("the end of the process", () => {
  /** Timers that keep the process alive. */
  const holding = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

  /** The client's hooks, called as Node does. */
  const emit = (event: "beforeExit" | "exit") => {
    // The runner's own listeners are none of this.
    const isOurs = (listener: { readonly name: string }) => /^on(Before)?Exit$/.test(listener.name);
    for (const listener of process.listeners(event as "exit").filter(isOurs)) listener(0);
  };

  test("waits for the records, once until there are further calls; then their calls are false", async () => {
    const client = start({ exitTimeoutMs: LONG_MS });
    emit("beforeExit");
    expect(server.sockets.size).toBe(0);
    const first = client.increment("m");
    emit("beforeExit");
    expect(await first).toBe(true);
    server.fault = () => "cut";
    for (const socket of server.sockets) socket.destroy();
    const second = client.increment("m");
    emit("beforeExit");
    await until("an attempt", () => !client.stats().connected);
    let isAnswered = false;
    void second.then(() => {
      isAnswered = true;
    });
    await new Promise(setImmediate);
    expect(isAnswered).toBe(false);
    emit("beforeExit");
    expect(await second).toBe(false);
    expect(client.stats().buffered).toBe(1);
  });

  test("without a timeout answers pending calls, those of the current second included, and waits for nothing", async () => {
    const client = start({ exitTimeoutMs: 0 });
    const answers = [client.increment("m"), client.gauge("m", 1, { timestamp: 1 })];
    let answered: readonly boolean[] = [];
    void Promise.all(answers).then((all) => {
      answered = all;
    });
    emit("beforeExit");
    // At once: a program that awaits them has nothing else that keeps it alive until the end of the second.
    await new Promise(setImmediate);
    expect(answered).toEqual([false, false]);
    expect([server.sockets.size, client.stats().buffered]).toEqual([0, 2]);
  });

  test("waits for records that an earlier client has left, and no longer than it takes", async () => {
    server.fault = () => "cut";
    const client = start({ spill: { folder: folder.path } });
    client.increment("m");
    await client.close({ timeoutMs: 1 });
    const next = start({ spill: { folder: folder.path }, exitTimeoutMs: LONG_MS });
    const before = holding();
    emit("beforeExit");
    expect(holding()).toBe(before + 1);
    server.fault = () => undefined;
    await until("the record", () => next.stats().stored === 1);
    expect(await next.flush({ timeoutMs: LONG_MS })).toBe(true);
    await new Promise(setImmediate);
    expect(holding()).toBeLessThanOrEqual(before);
  });

  test("spills what is left, those of the current second included", () => {
    const client = start({ spill: { folder: folder.path } });
    client.increment("m");
    client.gauge("m", 1, { timestamp: 1 });
    emit("exit");
    expect(client.stats()).toMatchObject({ spilled: 2, buffered: 0 });
    expect(readdirSync(folder.path)).toEqual([expect.stringMatching(/\.free\.spill$/)]);
  });

  test("by a signal sends what is left, if the client is to", async () => {
    const program = () => {};
    process.on("SIGTERM", program);
    const before = process.listenerCount("SIGTERM");
    start();
    expect(process.listenerCount("SIGTERM")).toBe(before);
    const client = start({ exitSignals: true, exitTimeoutMs: LONG_MS });
    const answer = client.increment("m");
    const [ours] = process.listeners("SIGTERM");
    ours?.("SIGTERM");
    expect(await answer).toBe(true);
    process.off("SIGTERM", program);
  });
});

test("the last error is kept until the end, an outage has one event, and listeners may go", async () => {
  server.fault = () => "cut";
  const client = start();
  const errors: string[] = [];
  const onError = ({ message }: Error) => void errors.push(message);
  client.on("error", onError);
  client.increment("m");
  expect(await client.flush({ timeoutMs: 200 })).toBe(false);
  expect(errors).toEqual([client.stats().lastError?.message]);
  expect(client.stats().lastError?.message).toContain(`${server.port}`);
  client.off("error", onError);
  client.gauge("m", Number.NaN);
  await new Promise(setImmediate);
  expect(errors).toHaveLength(1);
});
