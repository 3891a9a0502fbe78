import fc from "fast-check";
import { expect, test } from "vitest";
import { Contexts } from "./contexts.js";

test("the same tags in any order and any form are one context", () => {
  const contexts = new Contexts();
  const context = contexts.find("count", "m", { a: "1", b: "true" });
  expect(contexts.find("count", "m", { b: true, a: 1 })).toBe(context);
  expect(contexts.find("count", "m", ["b:true", "a:1"])).toBe(context);
  expect(contexts.find("count", "m", { a: "1", none: undefined, nil: null, b: "true" })).toBe(context);
});

test("anything else is another context", () => {
  const contexts = new Contexts();
  const seen = new Map<string, unknown>();
  const call = fc.tuple(
    fc.constantFrom("count" as const, "gauge" as const),
    fc.constantFrom("m", "n", "mn"),
    fc.dictionary(fc.constantFrom("a", "b", "ab"), fc.constantFrom("", "x", "xb", "by")),
  );
  fc.assert(
    fc.property(call, ([type, metric, tags]) => {
      const context = contexts.find(type, metric, tags);
      const key = JSON.stringify([type, metric, Object.entries(tags).sort()]);
      expect(seen.get(key) ?? context).toBe(context);
      seen.set(key, context);
      expect(new Set(seen.values()).size).toBe(seen.size);
    }),
  );
});

test("tags without end don't fill the memory", () => {
  const contexts = new Contexts();
  const first = contexts.find("count", "m", { id: 0 });
  for (let id = 1; id < 250_000; id++) contexts.find("count", "m", { id });
  const again = contexts.find("count", "m", { id: 0 });
  expect(again).not.toBe(first);
  expect([again?.head, again?.tail]).toEqual([first?.head, first?.tail]);
});

test("a program of many contexts keeps them", () => {
  const contexts = new Contexts();
  const find = (id: number) => contexts.find("histogram", "m", { route: `r${id}`, method: "GET", zone: 7 });
  const first = Array.from({ length: 100_000 }, (_, id) => find(id));
  expect(first.every((context, id) => find(id) === context)).toBe(true);
  expect(new Set(first).size).toBe(first.length);
});

test("a long text in the tags counts for as much as it holds", () => {
  const contexts = new Contexts();
  const find = (id: number) => contexts.find("count", "m", { text: `${id}`.padEnd(1_000_000, "x") });
  const first = find(0);
  for (let id = 1; id < 70; id++) find(id);
  expect(find(0)).not.toBe(first);
});

test("a caller's changes to its own tags are seen", () => {
  const contexts = new Contexts();
  const tags = { a: "1" };
  const before = contexts.find("count", "m", tags);
  tags.a = "2";
  expect(contexts.find("count", "m", tags)).not.toBe(before);
});

test("prefix and tags of a client stand before those of a call", () => {
  const parent = new Contexts("app.", { env: "dev", zone: "a" });
  const child = new Contexts(`${parent.prefix}jobs.`, ["zone:b"], parent.tags);
  const context = child.find("count", "1 done?", { env: "live" });
  expect(JSON.parse(`${context?.head}1,"timestamp":1${context?.tail}`)).toEqual({
    metric: "app.jobs.1_done_",
    type: "count",
    value: 1,
    timestamp: 1,
    tags: { env: "live", zone: "b" },
  });
});
