/** Programs with unusual timers, classes and async contexts: the client works in all of them. */
import { createContext, runInContext } from "node:vm";
import { ChouetteClient, patchConsole } from "chouette-iot-client";
import { TestClient } from "chouette-iot-client/testing";
import { afterEach, describe, expect, test, vi } from "vitest";
import { clientPrograms } from "../support/client-program.js";
import { redisForTests } from "../support/redis-for-tests.js";

const server = redisForTests();
const programs = clientPrograms();

describe("with fake timers, which nobody advances", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test("calls are answered, and flush, close and `await using` end", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "setInterval", "setImmediate", "Date", "performance"] });
    {
      await using client = new ChouetteClient({ url: server.redis.url, answerTimeoutMs: 20_000 });
      expect(await client.increment("aggregated")).toBe(true);
      expect(await client.histogram("sample", 1)).toBe(true);
      client.increment("flushed");
      expect(await client.flush({ timeoutMs: 20_000 })).toBe(true);
      client.increment("closed");
    }
    // The driver of this test stops with the timers.
    vi.useRealTimers();
    expect(await server.broker.size()).toBe(4);
  });

  test("a broker that is away keeps nothing from ending, either", async () => {
    vi.useFakeTimers();
    const client = new ChouetteClient({ port: 1, answerTimeoutMs: 50 });
    expect(await client.increment("m")).toBe(false);
    expect(await client.flush({ timeoutMs: 50 })).toBe(false);
    await client.close({ timeoutMs: 50 });
  });
});

test("where setTimeout returns a number, as in jsdom and in Electron's renderer", async () => {
  const running = programs.start(
    `for (const name of ["setTimeout", "setInterval"]) {
       const real = globalThis[name];
       globalThis[name] = (...args) => Number(real(...args));
     }
     delete globalThis.setImmediate;
     globalThis.performance = { now: () => 0 };
     const client = new ChouetteClient({ spill, exitTimeoutMs: 20_000 });
     client.increment("aggregated");
     console.log(await client.histogram("h", 1));
     console.log(await client.flush({ timeoutMs: 20_000 }));
     await client.close();`,
    server.redis.port,
  );
  expect(await running.ended).toBe(0);
  expect(running.output()).toBe("true\ntrue\n");
  expect(await server.broker.size()).toBe(2);
});

test("the store of a request's AsyncLocalStorage is let go, and no listener runs in it", async () => {
  const running = programs.start(
    `import { AsyncLocalStorage } from "node:async_hooks";
     import v8 from "node:v8";
     import { runInNewContext } from "node:vm";
     v8.setFlagsFromString("--expose-gc");
     const gc = runInNewContext("gc");
     const storage = new AsyncLocalStorage();
     const client = new ChouetteClient({ answerTimeoutMs: 60_000 });
     const seen = [];
     client.on("connected", () => seen.push(storage.getStore()));
     client.on("error", () => seen.push(storage.getStore()));
     let gone = 0;
     const registry = new FinalizationRegistry(() => gone++);
     function serve() {
       const store = { request: new Array(1_000) };
       registry.register(store);
       storage.run(store, () => { client.increment("m"); client.histogram("h", 1); client.gauge("", 1); });
     }
     serve();
     await client.flush({ timeoutMs: 20_000 });
     const end = Date.now() + 20_000;
     while ((gone === 0 || seen.length < 1) && Date.now() < end) {
       gc();
       await new Promise((resolve) => setTimeout(resolve, 20));
     }
     console.log(gone, seen.length > 0, seen.every((store) => store === undefined));
     await client.close();`,
    server.redis.port,
  );
  expect(await running.ended).toBe(0);
  expect(running.output()).toBe("1 true true\n");
});

describe("values of another realm, as in Jest and vm", () => {
  const other = <T>(source: string): T => runInContext(source, createContext());

  test("dates, sets and maps", () => {
    const client = new TestClient();
    client.count("c", 1, { timestamp: other<Date>("new Date(5_000)") });
    client.set("s", other<Set<unknown>>("new Set([new Date(0), new Map([['a', new Set([1])]])])"));
    expect(client.records()).toMatchObject([
      { metric: "c", timestamp: 5 },
      { metric: "s", value: ["1970-01-01T00:00:00.000Z", "{'a': {1}}"] },
    ]);
  });

  test("errors and their causes in logs, and what they hold", () => {
    const client = new TestClient();
    const logs = client.logSink({ level: "DEBUG" });
    const error = other<Error>("new TypeError('broken', { cause: new Error('deeper') })");
    void logs.error(error, { at: other("new Date(0)"), map: other("new Map([['k', new Set([1])]])") });
    void logs.log("INFO", "at a date", {}, other<Date>("new Date(5_000)"));
    const quiet = vi.spyOn(console, "error").mockReturnValue();
    const restore = patchConsole(logs);
    // biome-ignore lint/suspicious/noConsole: what is under test
    console.error("printed", error);
    restore();
    quiet.mockRestore();
    expect(client.logs()).toMatchObject([
      { message: { msg: "broken" }, at: "1970-01-01T00:00:00.000Z", map: { k: [1] } },
      { date: "1970-01-01T00:00:05.000+00:00" },
      { level: "ERROR" },
    ]);
    for (const index of [0, 2]) {
      expect(client.logs()[index]?.exc_info).toMatch(/TypeError: broken[\s\S]*Caused by: Error: deeper/);
    }
  });
});

describe("the default client can be replaced", () => {
  afterEach(() => ChouetteClient.use(undefined));

  test("so that programs that use the static methods can be tested", () => {
    const client = new TestClient();
    ChouetteClient.use(client);
    void ChouetteClient.increment("orders", 2);
    expect(ChouetteClient.default).toBe(client);
    client.expectCount("orders", 2);
  });
});
