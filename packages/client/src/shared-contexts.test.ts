import { expect, test } from "vitest";
import { SharedContexts } from "./shared-contexts.js";

const MAX_BYTES = 64 * 2 ** 20;

test("contexts of one name and type are one list, those of others aren't", () => {
  const shared = new SharedContexts<string>();
  const counts = shared.of("count", "m");
  expect(shared.of("count", "m")).toBe(counts);
  expect(shared.of("gauge", "m")).not.toBe(counts);
  expect(shared.of("count", "n")).not.toBe(counts);
});

test("beyond 64 MiB everything is dropped, and counted from nothing again", () => {
  const shared = new SharedContexts<string>();
  for (let generation = 0; generation < 3; generation++) {
    const counts = shared.of("count", "m");
    shared.children.set("key", "child");
    shared.account(MAX_BYTES - 1);
    shared.account(1);
    expect([shared.generation, shared.children.size]).toEqual([generation, 1]);
    expect(shared.of("count", "m")).toBe(counts);
    shared.account(1);
    expect([shared.generation, shared.children.size]).toEqual([generation + 1, 0]);
    expect(shared.of("count", "m")).not.toBe(counts);
  }
});
