import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { plainElement, readElements } from "./set-elements.js";

test("what Python can't hash is told apart by Python's own repr", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "é", "'", '"', "\\", "\n", "\t", " ", "0") });
  const { tree } = fc.letrec((tie) => ({
    leaf: fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null)),
    tree: fc.oneof(fc.array(tie("node")), fc.dictionary(text, tie("node"))),
    node: fc.oneof({ depthSize: "small" }, tie("leaf"), tie("tree")),
  }));
  const samples = fc.sample(tree, 300);
  const script = "import json,sys; print(json.dumps([repr(x) for x in json.load(sys.stdin)]))";
  const reprs = execFileSync("/usr/bin/python3", ["-c", script], { input: JSON.stringify(samples) });
  expect(samples.map((sample) => plainElement(sample))).toEqual(JSON.parse(reprs.toString()));
});

test("a cycle ends", () => {
  const cycle: unknown[] = [1];
  cycle.push(cycle);
  expect(plainElement(cycle)).toBe("[1, [...]]");
});

test("what Python doesn't know has a text all the same", () => {
  expect([new Set([1, "a"]), new Set(), new Map([["k", 1.5]]), undefined, 12n].map(plainElement)).toEqual([
    "{1, 'a'}",
    "set()",
    "{'k': 1.5}",
    "None",
    "12",
  ]);
});

test("numbers that aren't finite refuse a set, and inside an element are as in Python", () => {
  for (const number of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    expect(readElements(number)).toBeUndefined();
    expect(readElements(["a", number])).toBeUndefined();
  }
  const nested = [[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1.5]];
  expect(readElements(nested)).toEqual(["[nan, inf, -inf, -1.5]"]);
});

test("one value is a set of it; anything that can be iterated is the set of its elements", () => {
  for (const one of ["text", 5, true]) expect(readElements(one)).toEqual([one]);
  expect(readElements(new Set(["a", 1, false, null, [1, "b"]]))).toEqual(["a", 1, false, "None", "[1, 'b']"]);
  expect(readElements([])).toEqual([]);
  expect(() => readElements({} as never)).toThrow(TypeError);
});

test("dates, booleans and functions inside an element have a text", () => {
  const date = new Date("2026-11-27T00:00:00Z");
  expect(plainElement([date, new Date(Number.NaN), true, false, undefined])).toBe(
    "[2026-11-27T00:00:00.000Z, None, True, False, None]",
  );
  expect(plainElement(date)).toBe("2026-11-27T00:00:00.000Z");
  expect(plainElement(Symbol.for("s"))).toBe("Symbol(s)");
});

test("what is nested more deeply than Python could print is cut", () => {
  const nest = (levels: number, wrap: (inner: unknown) => unknown) => {
    let value: unknown = 1;
    for (let level = 0; level < levels; level++) value = wrap(value);
    return plainElement(value);
  };
  expect(nest(20, (inner) => [inner])).toBe(`${"[".repeat(20)}1${"]".repeat(20)}`);
  expect(nest(21, (inner) => [inner])).toBe(`${"[".repeat(21)}...${"]".repeat(21)}`);
  expect(nest(21, (inner) => ({ a: inner }))).toBe(`${"{'a': ".repeat(20)}{...}${"}".repeat(20)}`);
  const shared = [1];
  expect(plainElement([shared, shared])).toBe("[[1], [1]]");
});
