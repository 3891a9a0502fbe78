import fc from "fast-check";
import { expect, it } from "vitest";
import { splitInline } from "./inline-request.js";

const bytes = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });

/** As `redis-cli` would quote it. */
function quoted(text: string): string {
  const escaped = text.replace(/[^ !#-[\]-~]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return `"${escaped}"`;
}

it("gives back any arguments that were quoted", () => {
  fc.assert(
    fc.property(fc.array(bytes), (args) => {
      expect(splitInline(args.map(quoted).join("  "))).toEqual(args);
    }),
  );
});

it("never throws, and takes no longer than its line for any rubbish", () => {
  fc.assert(fc.property(bytes, (line) => void splitInline(line)));
  expect(splitInline(`"${"\\".repeat(4_000)}`)).toBeUndefined();
});

it.each([
  ["", []],
  [" \t ", []],
  ["one", ["one"]],
  [" one  two ", ["one", "two"]],
  ["'a b' \"c d\" e", ["a b", "c d", "e"]],
  ["'it\\'s \\n \"x\"'", ['it\'s \\n "x"']],
  ['"\\n\\r\\t\\b\\a\\x41\\X42\\q\\""', ['\n\r\t\b\x07AX42q"']],
  ['a"b c"', ["ab c"]],
  ["a'b c'", ["ab c"]],
  ["'' \"\"", ["", ""]],
  ['"a"b', undefined],
  ["'a'b", undefined],
  ["'a''b'", undefined],
  ["\"a\"'b'", undefined],
  ['"a', undefined],
  ["'a", undefined],
  ["a'", undefined],
])("splits %j", (line, args) => {
  expect(splitInline(line)).toEqual(args);
});
