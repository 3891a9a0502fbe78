import fc from "fast-check";
import { expect, test } from "vitest";
import { ContextLookup } from "./context-lookup.js";

test("the same tags in any order and any form are one context", () => {
  const contexts = new ContextLookup();
  const context = contexts.lookupOrCreate("count", "m", { a: "1", b: "true" });
  expect(contexts.lookupOrCreate("count", "m", { b: true, a: 1 })).toBe(context);
  expect(contexts.lookupOrCreate("count", "m", ["b:true", "a:1"])).toBe(context);
  expect(contexts.lookupOrCreate("count", "m", { a: "1", none: undefined, nil: null, b: "true" })).toBe(
    context,
  );
});

test("anything else is another context", () => {
  const contexts = new ContextLookup();
  const seen = new Map<string, unknown>();
  const call = fc.tuple(
    fc.constantFrom("count" as const, "gauge" as const),
    fc.constantFrom("m", "n", "mn"),
    fc.dictionary(fc.constantFrom("a", "b", "ab"), fc.constantFrom("", "x", "xb", "by")),
  );
  fc.assert(
    fc.property(call, ([type, metric, tags]) => {
      const context = contexts.lookupOrCreate(type, metric, tags);
      const key = JSON.stringify([type, metric, Object.entries(tags).sort()]);
      expect(seen.get(key) ?? context).toBe(context);
      seen.set(key, context);
      expect(new Set(seen.values()).size).toBe(seen.size);
    }),
  );
});

const MEBIBYTE = 2 ** 20;

/** Contexts with long tags, by which all of the memory is used but for so many bytes. */
function fillBut(contexts: ContextLookup, left: number): void {
  // With some hundred bytes for the context itself. A record's tag has 200 characters of the text.
  const length = MEBIBYTE - 600;
  const texts = Math.floor((64 * MEBIBYTE - left) / MEBIBYTE);
  for (let text = 0; text < texts; text++)
    contexts.lookupOrCreate("gauge", "filling", { text: `${text}`.padEnd(length, "x") });
}

test("tags without end don't fill the memory, however short they are", () => {
  const contexts = new ContextLookup();
  const find = (id: number) => contexts.lookupOrCreate("count", "m", { id });
  const first = find(0);
  fillBut(contexts, 6 * MEBIBYTE);
  expect(find(0)).toBe(first);
  // Each takes about 400 bytes.
  for (let id = 1; id < 18_500; id++) find(id);
  const again = find(0);
  expect(again).not.toBe(first);
  expect([again?.jsonPrefix, again?.jsonSuffix]).toEqual([first?.jsonPrefix, first?.jsonSuffix]);
});

test("a program of many contexts keeps them", () => {
  const contexts = new ContextLookup();
  const find = (id: number) =>
    contexts.lookupOrCreate("histogram", "m", { route: `r${id}`, method: "GET", zone: 7 });
  fillBut(contexts, 8 * MEBIBYTE);
  // A tenth of those that there is room for without the others.
  const first = Array.from({ length: 10_000 }, (_, id) => find(id));
  expect(first.every((context, id) => find(id) === context)).toBe(true);
  expect(new Set(first).size).toBe(first.length);
});

test("a long text in the tags counts for as much as it holds", () => {
  const contexts = new ContextLookup();
  const find = (id: number) =>
    contexts.lookupOrCreate("count", "m", { text: `${id}`.padEnd(1_000_000, "x") });
  const first = find(0);
  for (let id = 1; id < 70; id++) find(id);
  expect(find(0)).not.toBe(first);
});

test("a caller's changes to its own tags are seen", () => {
  const contexts = new ContextLookup();
  const tags = { a: "1" };
  const before = contexts.lookupOrCreate("count", "m", tags);
  tags.a = "2";
  expect(contexts.lookupOrCreate("count", "m", tags)).not.toBe(before);
});

test("prefix and tags of a client stand before those of a call", () => {
  const parent = new ContextLookup("app.", { env: "dev", zone: "a" });
  const child = parent.child("jobs.", ["zone:b"]);
  const context = child.lookupOrCreate("count", "1 done?", { env: "live" });
  expect(JSON.parse(`${context?.jsonPrefix}1,"timestamp":1${context?.jsonSuffix}`)).toEqual({
    metric: "app.jobs.1_done_",
    type: "count",
    value: 1,
    timestamp: 1,
    tags: { env: "live", zone: "b" },
  });
});

test("children that add the same share their contexts, and with others that end in the same text", () => {
  const parent = new ContextLookup("app.", { env: "live" });
  const [first, second] = [0, 1].map(() => parent.child("jobs.", { route: "/" }));
  const context = first?.lookupOrCreate("count", "done", { n: 1 });
  expect(second?.lookupOrCreate("count", "done", { n: 1 })).toBe(context);
  expect(parent.child("", ["n:1"]).lookupOrCreate("count", "jobs.done", { route: "/" })).toBe(context);
  expect(parent.lookupOrCreate("count", "jobs.done", { n: "1", route: "/" })).toBe(context);
  expect(parent.child("jobs.", { route: "/b" }).lookupOrCreate("count", "done", { n: 1 })).not.toBe(context);
});

test("children without end don't fill the memory, and a child that is kept works on", () => {
  const parent = new ContextLookup();
  const kept = parent.child("kept.", { route: "/" });
  const first = kept.lookupOrCreate("count", "m", undefined);
  fillBut(parent, 8 * MEBIBYTE);
  expect(kept.lookupOrCreate("count", "m", undefined)).toBe(first);
  for (let id = 0; id < 14_000; id++) parent.child("", { id }).lookupOrCreate("count", "m", undefined);
  const again = kept.lookupOrCreate("count", "m", undefined);
  expect(again).not.toBe(first);
  expect(again?.jsonSuffix).toBe(first?.jsonSuffix);
  expect(kept.lookupOrCreate("count", "m", undefined)).toBe(again);
});

test("a value that is an object is found by its text, of this call, and is not kept", () => {
  const contexts = new ContextLookup();
  const at = new Date(0);
  const context = contexts.lookupOrCreate("count", "m", { at } as never);
  expect(contexts.lookupOrCreate("count", "m", { at: String(at) })).toBe(context);
  at.setTime(1e9);
  expect(contexts.lookupOrCreate("count", "m", { at } as never)).not.toBe(context);
});

test("a getter that changes relabels no later call", () => {
  const contexts = new ContextLookup();
  let reads = 0;
  const tags = {
    get n() {
      return `${reads++}`;
    },
  };
  const called = contexts.lookupOrCreate("count", "m", tags);
  for (let n = 0; n < reads; n++) {
    const found = contexts.lookup("count", "m", { n: `${n}` });
    if (found !== undefined) expect(found.jsonSuffix).toBe(`,"tags":{"n":"${n}"}}`);
  }
  expect(contexts.lookup("count", "m", { n: JSON.parse(`{${called?.jsonSuffix.slice(1)}`).tags.n })).toBe(
    called,
  );
});
