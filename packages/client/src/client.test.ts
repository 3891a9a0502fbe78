import { expect, expectTypeOf, test, vi } from "vitest";
import { ChouetteClient } from "./client.js";
import { TestClient } from "./testing.js";

test("a prefix, default tags, children, and tags in both forms", () => {
  const client = new TestClient({ prefix: "app.", tags: { env: "live" } });
  const child = client.child({ prefix: "jobs.", tags: ["zone:a"] });
  child.increment("done", 2, { tags: { zone: "b", n: 7 } });
  child.increment("done");
  client.expectCount("app.jobs.done", 2, { tags: ["env:live", "zone:b", "n:7"] });
  client.expectCount("app.jobs.done", 3);
  client.decrement("down", 4);
  client.expectCount("app.down", -4);
});

test("beyond the limit of contexts calls overflow until the second is over, a handle's too", async () => {
  const noon = 1_763_800_000_000;
  vi.useFakeTimers({ now: noon, toFake: ["Date"] });
  const client = new ChouetteClient({ port: 1, cardinalityLimit: 3 });
  const callAll = () => {
    for (let id = 0; id < 10; id++) client.increment("m", 1, { tags: { id } });
  };
  callAll();
  callAll();
  const handle = client.boundCounter("m", { id: 20 });
  handle.inc();
  expect(client.stats()).toMatchObject({ accepted: 21, overflowed: 15, buffered: 4 });
  vi.setSystemTime(noon + 1_000);
  handle.inc();
  client.increment("m", 1, { tags: { id: 9 } });
  expect(client.stats()).toMatchObject({ accepted: 23, overflowed: 15, buffered: 6 });
  vi.useRealTimers();
  await client.close({ timeoutMs: 1 });
});

test("what a caller passes in is never changed", () => {
  const client = new TestClient({ tags: Object.freeze({ a: "1" }) });
  const options = Object.freeze({
    tags: Object.freeze(["b:2"]),
    timestamp: Object.freeze(new Date(5_000)),
  });
  expect(client.set("s", Object.freeze([[1], "x"]), options)).toBeInstanceOf(Promise);
  expect(client.records()).toEqual([
    { metric: "s", type: "set", value: ["[1]", "x"], timestamp: 5, tags: { a: "1", b: "2" } },
  ]);
});

test("sampling scales counts and rates back, and nothing else", () => {
  const random = vi.spyOn(Math, "random");
  const client = new TestClient();
  random.mockReturnValue(0.2);
  client.count("c", 2, { sampleRate: 0.25 });
  client.rate("r", 2, { sampleRate: 0.25 });
  client.histogram("h", 2, { sampleRate: 0.25 });
  client.gauge("g", 2, { sampleRate: 0.25 });
  random.mockReturnValue(0.3);
  client.count("c", 2, { sampleRate: 0.25 });
  client.set("s", ["a"], { sampleRate: 0.25 });
  random.mockRestore();
  client.expectCount("c", 8);
  client.expectRate("r", 8);
  client.expectHistogram("h", [2]);
  client.expectGauge("g", 2);
  client.expectNothing("s");
  expect(client.stats().sampledOut).toBe(2);
});

test("bound handles record as the client does", async () => {
  const client = new TestClient();
  const counter = client.boundCounter("http.requests", { route: "/" });
  counter.inc();
  counter.inc(2);
  counter.dec();
  client.expectCount("http.requests", 2, { tags: { route: "/" } });
  client.boundGauge("g").set(5);
  client.expectGauge("g", 5);
  client.boundHistogram("h").observe(1.5);
  client.expectHistogram("h", [1.5]);
  client.boundSet("s").add("a", "b", "a");
  client.expectSet("s", ["a", "b"]);
  expect(await counter.inc(Number.NaN)).toBe(false);
  expect(await client.boundCounter("42").inc()).toBe(false);
  expect(client.stats().refused).toMatchObject({ invalid_value: 1, invalid_metric: 1 });
});

test("distributions and timings", () => {
  const client = new TestClient();
  client.distribution("d", 1);
  client.timing("t", 12);
  client.expectDistribution("d", [1]);
  client.expectHistogram("t", [12]);
});

test("a failed expectation says what was recorded", () => {
  const client = new TestClient();
  client.increment("m", 2);
  expect(() => client.expectCount("m", 3)).toThrow(/count m: expected 3, found 2.*"metric":"m"/s);
  expect(() => client.expectNothing()).toThrow(/expected \[\]/);
  client.clear();
  client.expectNothing();
});

test("a catalogue limits names and tags when it is compiled", () => {
  interface Metrics {
    "http.requests": { type: "count"; tags: "route" | "method" };
    "queue.depth": { type: "gauge" };
  }
  const client: ChouetteClient<Metrics> = new TestClient<Metrics>();
  client.increment("http.requests", 1, { tags: { route: "/" } });
  client.count("http.requests", 1, { tags: ["method:GET"] });
  client.gauge("queue.depth", 1, { tags: { any: "tag" } });
  // @ts-expect-error: no such metric
  client.increment("http.request");
  // @ts-expect-error: not a gauge
  client.gauge("http.requests", 1);
  // @ts-expect-error: no such tag
  client.increment("http.requests", 1, { tags: { rout: "/" } });
  // @ts-expect-error: no such tag in a list
  client.boundCounter("http.requests", ["rout:/"]);
  expectTypeOf(client.boundCounter).parameter(0).toEqualTypeOf<"http.requests">();
  expectTypeOf<ChouetteClient["gauge"]>().parameter(0).toEqualTypeOf<string>();
});
