import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printable, printableJson } from "./printable.js";

const CONTROL = /\p{Cc}/u;

describe("text for a terminal", () => {
  it("holds no control character, whatever it was made of", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(printable(text)).not.toMatch(CONTROL);
        expect(printableJson(JSON.stringify(text))).not.toMatch(CONTROL);
      }),
    );
  });

  it("keeps its length in lines and, as JSON, its value", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(printable(`a${text}`)).toHaveLength(text.length + 1);
        expect(JSON.parse(printableJson(JSON.stringify(text)))).toBe(text);
      }),
    );
    expect(printable("a\u001b]52;c;eA==\u0007\nforged")).toBe("a\ufffd]52;c;eA==\ufffd\ufffdforged");
  });
});
