import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { plainElement } from "./set-elements.js";

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
