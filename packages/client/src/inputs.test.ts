/** What a program may pass in by mistake: nothing throws, and nothing vanishes without a counter and a word. */
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { ChouetteClient } from "./client.js";
import { readSettings } from "./options.js";
import { TestClient } from "./testing.js";

/** As a program in JavaScript sees it. */
// biome-ignore lint/suspicious/noExplicitAny: no type forbids a wrong call here
const untyped = (client: unknown): any => client;

const unreadable = {
  get tag(): string {
    throw new Error("not to be seen");
  },
};
const textless = { tag: Object.create(null) };
const noNumber = {
  valueOf(): number {
    throw new Error("not to be seen");
  },
};

test("no call throws, whatever it is given, and each is recorded or refused", () => {
  const client = new TestClient();
  const any = untyped(client);
  const calls: (() => unknown)[] = [
    () => any.decrement("m", Symbol("s")),
    () => any.decrement("m", noNumber),
    () => any.increment("m", noNumber),
    () => any.boundCounter("m").dec(Symbol("s")),
    () => any.count("m", 1, { tags: 5 }),
    () => any.count("m", 1, { tags: textless }),
    () => any.count("m", 1, { tags: (function* () {})() }),
    () => any.set("s", 5n, { tags: unreadable }),
    () => any.timer("t", { tags: unreadable }).end(),
    () => any.timer("t").tag(unreadable).end(),
    () => any.timer("t").end(textless),
    () => any.count(Symbol("s"), 1),
    () => any.count("m", Number.MAX_VALUE, { sampleRate: 1e-300 }),
  ];
  vi.spyOn(Math, "random").mockReturnValue(0);
  for (const call of calls) call();
  vi.restoreAllMocks();
  const { accepted, refused } = client.stats();
  expect(accepted).toBe(0);
  expect(Object.values(refused).reduce((sum, count) => sum + count)).toBe(calls.length);
});

test("null stands for nothing, wherever it is passed", async () => {
  const client = new TestClient();
  const any = untyped(client);
  any.count("c", 1, null);
  any.count("c", 1, { tags: null, timestamp: null, sampleRate: null });
  any.set("s", ["a"], null);
  any.child(null).count("c", 1);
  any.child().count("c", 1);
  any.timer("t", null).end(null);
  any.timed("t", null).stop();
  await any.logSink(null).info("m", null);
  await any.logSink().log("INFO", "m", null, null);
  expect(await any.flush(null)).toBe(true);
  client.expectCount("c", 4);
  expect(client.records("t")).toHaveLength(2);
  expect(client.logs().map(({ date }) => Date.parse(date) > 1e12)).toEqual([true, true]);
  expect(client.stats()).toMatchObject({ accepted: 9, sampledOut: 0 });
  await any.close(null);
});

test("a sample rate that is none is the client's own", () => {
  const client = new TestClient();
  vi.spyOn(Math, "random").mockReturnValue(0.9);
  for (const sampleRate of [Number.NaN, "0.5", -1, {}, 7]) untyped(client).count("c", 1, { sampleRate });
  vi.restoreAllMocks();
  client.expectCount("c", 5);
});

test("a time in milliseconds is refused, with a word why", async () => {
  const client = new TestClient();
  const errors: string[] = [];
  client.on("error", ({ message }) => void errors.push(message));
  expect(await client.count("m", 1, { timestamp: 1_763_800_000_000 })).toBe(false);
  expect(await client.set("s", ["a"], { timestamp: 1_763_800_000_000 })).toBe(false);
  expect(await client.count("m", 1, { timestamp: 1_763_800_000 })).toBe(true);
  await expect.poll(() => errors).toEqual(["timestamp 1763800000000 looks like milliseconds"]);
  expect(client.stats().lastError?.message).toBe("timestamp 1763800000000 looks like milliseconds");
  expect(client.stats().refused.invalid_timestamp).toBe(2);
});

test("a refused call is an error event, once for each reason, and a drop event, together for each turn", async () => {
  const client = new TestClient();
  const errors: string[] = [];
  const drops: unknown[] = [];
  client.on("error", ({ message }) => void errors.push(message));
  client.on("drop", (reason, records) => {
    drops.push([reason, records]);
    // Its own mistake reaches it no second time.
    void client.count("m", Number.NaN);
  });
  for (let call = 0; call < 100; call++) client.gauge("m", Number.NaN);
  client.gauge("?", 1);
  await expect
    .poll(() => drops)
    .toEqual([
      ["invalid_value", 100],
      ["invalid_metric", 1],
    ]);
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  expect(drops).toHaveLength(2);
  expect(errors).toEqual([expect.stringMatching(/finite number/), expect.stringMatching(/name/)]);
});

test("tags in any form: a list, pairs, a Map, a Set, a text, objects as their text", () => {
  const client = new TestClient();
  const any = untyped(client);
  const address = new URL("http://h/");
  for (const tags of [
    ["env:live", "v:1"],
    [
      ["env", "live"],
      ["v", 1],
    ],
    new Map<string, unknown>([
      ["env", "live"],
      ["v", 1],
      ["none", null],
    ]),
    new Set(["env:live", "v:1"]),
    new URLSearchParams("env=live&v=1"),
    { env: { toString: () => "live" }, v: 1n },
  ]) {
    any.increment("m", 1, { tags });
    any.increment("m", 1, { tags });
  }
  client.expectCount("m", 12, { tags: { env: "live", v: "1" } });
  any.increment("text", 1, { tags: "env:live" });
  client.expectCount("text", 1, { tags: { env: "live" } });
  any.increment("object", 1, { tags: { address } });
  client.expectCount("object", 1, { tags: { address: "http://h/" } });
});

test("the tags of a client, a child or a log sink that can't be read are reported, and not used", async () => {
  const errors: string[] = [];
  const options = { port: 1, tags: textless, onError: (error: Error) => void errors.push(error.message) };
  const client = new ChouetteClient(untyped(options));
  untyped(client).child({ prefix: "p.", tags: unreadable });
  untyped(client).logSink({ tags: textless, level: "constructor" });
  await expect.poll(() => errors).toHaveLength(4);
  expect(errors.join("\n")).toMatch(
    /client's tags.*\n.*child's.*\nunknown log level "constructor".*\n.*log sink/,
  );
  await client.close({ timeoutMs: 1 });
  for (const none of [null, "redis://h", 5]) await new ChouetteClient(untyped(none)).close({ timeoutMs: 1 });
});

test("an event that is none, or a listener that is none, changes nothing", () => {
  const client = new TestClient();
  for (const event of ["constructor", "nothing", "__proto__"])
    untyped(client)
      .on(event, () => {})
      .off(event);
  untyped(client).on("error", 5);
  client.gauge("m", Number.NaN);
});

describe("settings", () => {
  const read = (options: object, environment: Record<string, string> = {}) => {
    const warnings: string[] = [];
    return { ...readSettings(options, environment, (warning) => warnings.push(warning)), warnings };
  };

  test("an empty address is none", () => {
    expect(read({ url: "", host: "h", port: 7000 }).address).toMatchObject({ host: "h", port: 7000 });
    expect(read({ url: "" }, { REDIS_URL: "redis://of-env" }).address).toMatchObject({ host: "of-env" });
    expect(read({ host: "" }, { REDIS_HOST: "of-env" }).address).toMatchObject({
      host: "of-env",
      port: 6379,
    });
    expect(read({ url: "redis://first", host: "second" }).address).toMatchObject({ host: "first" });
    expect(read({ host: "h", port: "6380" }).address).toMatchObject({ port: 6380 });
  });

  test("login, database and TLS as options go with any address, and take precedence over the URL's", () => {
    const tls = { ca: "…", servername: "broker" };
    const options = { username: "u", password: "p/#%", database: 2, tls };
    expect(read({ url: "redis://a:b@h/1", ...options }).address).toMatchObject({ host: "h", ...options });
    expect(read({ host: "h", ...options }).address).toMatchObject({ host: "h", ...options });
    expect(read(options, { REDIS_URL: "unix:///run/r.sock" }).address).toMatchObject({
      path: "/run/r.sock",
      ...options,
    });
  });

  test("what is unusable is reported, and never read as something else", () => {
    const { warnings, address } = read({
      sampleRate: 2,
      exitSignals: "yes",
      spill: { folder: "f", maxBytes: -1 },
    });
    expect(warnings).toHaveLength(3);
    expect(address).toMatchObject({ host: "127.0.0.1", port: 6379 });
    expect(read({ url: "redis://h:port" }).address).toBeInstanceOf(Error);
    expect(read({ answerTimeoutMs: Number.POSITIVE_INFINITY }).warnings).toEqual([]);
  });
});

describe("decorators", () => {
  test("a legacy decorator times a getter, and leaves anything else as it is", () => {
    const client = new TestClient();
    class Shop {
      get open(): boolean {
        return true;
      }
    }
    const descriptor = Object.getOwnPropertyDescriptor(Shop.prototype, "open") ?? {};
    client.timed("shop.open")(Shop.prototype, "open", descriptor);
    Object.defineProperty(Shop.prototype, "open", descriptor);
    expect(new Shop().open).toBe(true);
    expect(client.records("shop.open")).toHaveLength(1);
    untyped(client.timed("shop.set"))(Shop.prototype, "closed", { set: () => {} });
    expect(untyped(client.timed("shop.field"))(undefined, { kind: "field" })).toBeUndefined();
  });
});

describe("logs", () => {
  test("an error in place of fields, and fields that are none", async () => {
    const client = new TestClient();
    const logs = client.logSink();
    void logs.error("failed", new TypeError("why"));
    void logs.info("items", [1, 2]);
    void logs.log("constructor", "by an unknown level");
    void logs.info("m", JSON.parse('{"__proto__": {"a": 1}}'));
    expect(client.logs()).toMatchObject([
      {
        message: { msg: "failed" },
        exc_info: expect.stringMatching(/^TypeError: why/),
        err: { message: "why" },
      },
      { extra: [1, 2] },
      { level: "INFO", message: { msg: "by an unknown level" } },
      { __proto___: { a: 1 } },
    ]);
  });

  test("an error that pino has made an object of is stored with one stack", () => {
    const client = new TestClient();
    const stack = "Error: why\n    at place";
    void client.logSink().error("failed", { err: { type: "Error", message: "why", stack, code: 5 } });
    expect(client.logs()).toMatchObject([
      { exc_info: stack, err: { type: "Error", message: "why", code: 5 } },
    ]);
    expect(JSON.stringify(client.logs()).split("at place")).toHaveLength(2);
  });
});

afterEach(() => vi.useRealTimers());

test("a deadline of any length is no shorter than it says", async () => {
  const client = new ChouetteClient({ port: 1, answerTimeoutMs: 2 ** 31, exitTimeoutMs: 2 ** 40 });
  let ended = 0;
  void client.count("m", 1, { timestamp: 1 }).then(() => ended++);
  for (const timeoutMs of [2 ** 31, Number.POSITIVE_INFINITY, Number.NaN, -1, "soon"]) {
    void untyped(client)
      .flush({ timeoutMs })
      .then(() => ended++);
  }
  await sleep(200);
  expect(ended).toBe(0);
  await client.close({ timeoutMs: 1 });
});

test("whatever is called with whatever, nothing throws", () => {
  const client = new TestClient();
  const name = fc.oneof(fc.constant("m"), fc.anything());
  const options = fc.oneof(
    fc.anything(),
    fc.record(
      { tags: fc.anything(), timestamp: fc.anything(), sampleRate: fc.anything() },
      { requiredKeys: [] },
    ),
  );
  const method = fc.constantFrom(
    "count",
    "increment",
    "decrement",
    "gauge",
    "histogram",
    "rate",
    "set",
    "timing",
  );
  let calls = 0;
  fc.assert(
    fc.property(
      method,
      name,
      fc.anything({ withBigInt: true, withDate: true }),
      options,
      (called, ...args) => {
        calls++;
        expect(untyped(client)[called](...args)).toBeInstanceOf(Promise);
      },
    ),
  );
  const { accepted, sampledOut, refused } = client.stats();
  expect(accepted + sampledOut + Object.values(refused).reduce((sum, count) => sum + count)).toBe(calls);
});
