import fc from "fast-check";
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

it("matches what the regular expression of the same pattern matches", () => {
  const part = fc.constantFrom(
    ...[
      ["*", ".*"],
      ["?", "."],
      ["a", "a"],
      ["b", "b"],
      ["[ab]", "[ab]"],
      ["[^a]", "[^a]"],
      ["[a-b]", "[a-b]"],
    ],
    ...[
      ["\\*", "\\*"],
      ["\\?", "\\?"],
      ["[b-c*]", "[b-c*]"],
    ],
  );
  const text = fc.string({ unit: fc.constantFrom("a", "b", "c", "*", "?"), maxLength: 8 });
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), text, (parts, text) => {
      const [glob, expression] = [0, 1].map((form) => parts.map((pair) => pair[form]).join(""));
      expect(globMatcher(glob ?? "")(text)).toBe(new RegExp(`^${expression}$`, "s").test(text));
    }),
    { numRuns: 1_000 },
  );
});
