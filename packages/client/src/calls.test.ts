/** The arguments of calls: what is recorded of them, and what is refused for which reason. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { timeoutOf } from "./deadline.js";
import { TestClient } from "./testing.js";

// biome-ignore lint/suspicious/noExplicitAny: no type forbids a wrong call here
const untyped = (client: unknown): any => client;
const YEAR_5138 = 1e11;
let client: TestClient;

beforeEach(() => {
  client = new TestClient();
});
afterEach(() => vi.restoreAllMocks());

/** The reasons of refusals, with how often each occurred. */
function refusals(): object {
  const counted = Object.entries(client.stats().refused).filter(([, count]) => count > 0);
  return Object.fromEntries(counted);
}

describe("a timestamp", () => {
  test("is seconds or a Date, of a number as of a set; without one it is now", async () => {
    const calls = [
      () => client.count("m", 1, { timestamp: 5.5 }),
      () => client.set("m", ["a"], { timestamp: new Date(5_500) }),
      () => client.gauge("m", 1, { timestamp: 0 }),
      () => client.gauge("m", 1, { timestamp: -1 }),
      () => client.gauge("m", 1, { timestamp: YEAR_5138 - 1 }),
    ];
    for (const call of calls) expect(await call()).toBe(true);
    expect(client.records().map(({ timestamp }) => timestamp)).toEqual([5.5, 5.5, 0, -1, YEAR_5138 - 1]);
    const before = Date.now() / 1_000;
    client.count("now", 1, { sampleRate: 1 });
    client.set("now", ["a"]);
    for (const { timestamp } of client.records("now")) expect(timestamp).toBeGreaterThanOrEqual(before);
  });

  test.each([
    YEAR_5138,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    new Date(Number.NaN),
    "5",
    {},
  ])("isn't %s", async (timestamp) => {
    expect(await untyped(client).count("m", 1, { timestamp })).toBe(false);
    expect(await untyped(client).set("m", ["a"], { timestamp })).toBe(false);
    expect([refusals(), client.records()]).toEqual([{ invalid_timestamp: 2 }, []]);
  });

  test("of an event or a check is one since 1970", async () => {
    for (const timestamp of [0, YEAR_5138 - 1, new Date(7_000)]) {
      expect(await client.event("title", "text", { timestamp })).toBe(true);
      expect(await client.serviceCheck("check", 0, { timestamp })).toBe(true);
    }
    const times = [0, YEAR_5138 - 1, 7];
    expect(client.events().map((event) => event.date_happened)).toEqual(times);
    expect(client.serviceChecks().map(({ timestamp }) => timestamp)).toEqual(times);
    for (const timestamp of [-1, YEAR_5138, Number.NaN, "5", new Date(Number.NaN)]) {
      expect(await untyped(client).event("title", "text", { timestamp })).toBe(false);
      expect(await untyped(client).serviceCheck("check", 0, { timestamp })).toBe(false);
    }
    expect(refusals()).toEqual({ invalid_timestamp: 10 });
    const before = Date.now() / 1_000;
    client.event("title", "text");
    expect(client.events().at(-1)?.date_happened).toBeGreaterThanOrEqual(before);
    expect(client.events().at(-1)?.date_happened).toBeLessThan(before + 60);
  });
});

describe("a sample rate", () => {
  test("of the call takes precedence over the client's, 0 included, and scales counts and rates", () => {
    const random = vi.spyOn(Math, "random").mockReturnValue(0.4);
    client.count("m", 3, { sampleRate: 0.5 });
    client.rate("m", 3, { sampleRate: 0.5, timestamp: 7 });
    client.gauge("m", 3, { sampleRate: 0.5, timestamp: 7 });
    client.set("m", ["a"], { sampleRate: 0.5 });
    expect(client.records().map(({ type, value }) => [type, value])).toEqual([
      ["count", 6],
      ["rate", 6],
      ["gauge", 3],
      ["set", ["a"]],
    ]);
    expect(client.records()[1]?.timestamp).toBe(7);
    random.mockReturnValue(0.5);
    client.count("m", 3, { sampleRate: 0.5 });
    client.set("m", ["a"], { sampleRate: 0.5 });
    client.count("m", 3, { sampleRate: 0 });
    expect([client.records().length, client.stats().sampledOut]).toEqual([4, 3]);
  });

  test("of 1 or more, or one that is none, records each call as it is", () => {
    vi.spyOn(Math, "random").mockReturnValue(0.999);
    for (const sampleRate of [1, 2, -0.5, Number.NaN, "0", null]) {
      untyped(client).count("m", 3, { sampleRate });
      untyped(client).set("s", ["a"], { sampleRate });
    }
    client.expectCount("m", 18);
    expect(client.records("s")).toHaveLength(6);
    expect(client.stats().sampledOut).toBe(0);
  });

  test("that makes the value infinite refuses the call", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    expect(await client.count("m", 1e300, { sampleRate: 1e-10 })).toBe(false);
    expect(refusals()).toEqual({ invalid_value: 1 });
  });
});

test("a value is a finite number, a set of finite ones or anything else, an event of texts", async () => {
  const any = untyped(client);
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, "5", null, undefined, {}])
    expect(await any.count("m", value)).toBe(false);
  for (const value of [Number.NaN, ["a", Number.NEGATIVE_INFINITY], null, {}])
    expect(await any.set("m", value)).toBe(false);
  for (const [title, text] of [
    ["", "text"],
    [5, "text"],
    ["title", undefined],
  ])
    expect(await any.event(title, text)).toBe(false);
  expect(await any.event("title", "")).toBe(true);
  for (const [name, status] of [
    ["", 0],
    [5, 0],
    ["n", 4],
    ["n", -1],
    ["n", "fine"],
    ["n", 0.5],
  ])
    expect(await any.serviceCheck(name, status)).toBe(name === 5);
  expect(client.stats().refused).toMatchObject({ invalid_value: 6 + 4 + 3 + 5 });
  expect(client.serviceChecks().map(({ check }) => check)).toEqual(["5"]);
});

test("a name has a valid part, in calls as in handles", async () => {
  const any = untyped(client);
  for (const name of ["", "42", "?", 5, null, Symbol("s")]) {
    expect(await any.count(name, 1)).toBe(false);
    expect(await any.set(name, ["a"])).toBe(false);
    expect(await any.boundCounter(name).inc()).toBe(false);
    expect(await any.boundSet(name).add("a")).toBe(false);
  }
  expect(refusals()).toEqual({ invalid_metric: 24 });
  const unreadable = {
    get tag() {
      throw new Error("no");
    },
  };
  expect(await any.boundGauge("m", unreadable).set(1)).toBe(false);
  expect(refusals()).toEqual({ invalid_metric: 25 });
});

test("handles record and refuse what calls do", async () => {
  const any = untyped(client);
  const counter = client.boundCounter("c", { a: "b" });
  expect(await Promise.all([counter.inc(), counter.inc(4), counter.dec(), counter.dec(2)])).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect(client.records("c").map(({ value }) => value)).toEqual([1, 4, -1, -2]);
  for (const value of [Number.NaN, "5", null, {}]) {
    expect(await any.boundCounter("c").inc(value)).toBe(false);
    expect(await any.boundCounter("c").dec(value)).toBe(false);
    expect(await any.boundGauge("g").set(value)).toBe(false);
    expect(await any.boundHistogram("h").observe(value)).toBe(false);
  }
  expect(await any.boundSet("s").add(Number.NaN)).toBe(false);
  const unprintable = new Proxy(
    {},
    {
      ownKeys() {
        throw new Error("no");
      },
    },
  );
  expect(await any.boundSet("s").add(unprintable)).toBe(false);
  expect(await any.set("s", [unprintable])).toBe(false);
  expect(refusals()).toEqual({ invalid_value: 19 });
  expect(await client.boundSet("s").add(1, "a", [2])).toBe(true);
  expect(client.records("s").map(({ value }) => value)).toEqual([[1, "a", "[2]"]]);
});

test("an event has the fields that were given, cut to a length that Datadog never shows", () => {
  const long = "x".repeat(20_000);
  const options = {
    timestamp: 5,
    tags: { a: "b" },
    host: "h",
    alertType: "warning",
    priority: "low",
    aggregationKey: "k",
    sourceType: "s",
  } as const;
  client.event("title", "text", options);
  client.event(long, long, { timestamp: 5, host: null, priority: null, alertType: null });
  expect(client.events()).toEqual([
    {
      title: "title",
      text: "text",
      date_happened: 5,
      tags: ["a:b"],
      host: "h",
      alert_type: "warning",
      priority: "low",
      aggregation_key: "k",
      source_type_name: "s",
    },
    { title: long.slice(0, 16_384), text: long.slice(0, 16_384), date_happened: 5, tags: [] },
  ]);
  for (const wrong of [{ alertType: "fatal" }, { priority: "urgent" }])
    untyped(client).event("t", "t", wrong);
  expect([refusals(), client.events().length]).toEqual([{ invalid_value: 2 }, 2]);
});

test("a service check has its status by name or number, the client's prefix and tags, and its message cut", () => {
  const own = new TestClient({ prefix: "app.", tags: { env: "live" } });
  const long = "x".repeat(20_000);
  const names = ["ok", "warning", "critical", "unknown"] as const;
  for (const [number, name] of names.entries()) {
    own.serviceCheck("up", name, { timestamp: 5 });
    own.serviceCheck("up", number as 0 | 1 | 2 | 3, { timestamp: 5 });
  }
  expect(own.serviceChecks().map(({ status }) => status)).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
  own.serviceCheck(long, 0, { timestamp: 5, host: "h", message: long, tags: ["zone:a"] });
  expect(own.serviceChecks().at(-1)).toEqual({
    check: `app.${long}`.slice(0, 16_384),
    status: 0,
    timestamp: 5,
    tags: ["env:live", "zone:a"],
    host_name: "h",
    message: long.slice(0, 16_384),
  });
});

test("an error of a child's options is reported, and the child is its parent", async () => {
  const errors: string[] = [];
  client.on("error", ({ message }) => void errors.push(message));
  const child = untyped(client).child({ prefix: "p.", tags: 5 });
  child.increment("m");
  client.expectCount("m", 1);
  await new Promise(setImmediate);
  expect(errors).toEqual([expect.stringMatching(/^a child's prefix and tags can't be read/)]);
});

test("a deadline is five seconds if there is no other", () => {
  for (const deadline of [
    undefined,
    null,
    {},
    { timeoutMs: -1 },
    { timeoutMs: Number.NaN },
    { timeoutMs: "5" },
  ])
    expect(timeoutOf(untyped(deadline))).toBe(5_000);
  for (const timeoutMs of [0, 7, Number.POSITIVE_INFINITY]) expect(timeoutOf({ timeoutMs })).toBe(timeoutMs);
});
