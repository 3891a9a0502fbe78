import { expect, it } from "vitest";
import { globMatcher } from "./glob.js";

it.each([
  ["*", "", true],
  ["*", "anything", true],
  ["", "", true],
  ["", "a", false],
  ["a*c", "abbc", true],
  ["a*c", "abcd", false],
  ["a*b*c", "aXbXbXc", true],
  ["?", "", false],
  ["a?", "ab", true],
  ["[a-c]x", "bx", true],
  ["[a-c]x", "dx", false],
  ["[^a-c]x", "dx", true],
  ["[^a-c]x", "ax", false],
  ["[-a]", "-", true],
  ["[\\]]", "]", true],
  ["\\*", "*", true],
  ["\\*", "a", false],
  ["a.c", "abc", false],
])("%j matches %j: %s", (pattern, text, expected) => {
  expect(globMatcher(pattern)(text)).toBe(expected);
});

it("takes no time for a pattern of stars", () => {
  const began = performance.now();
  expect(globMatcher("*a".repeat(128))("a".repeat(120))).toBe(false);
  expect(performance.now() - began).toBeLessThan(1_000);
});
