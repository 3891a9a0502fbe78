import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { table, tableWidth, wrapped } from "./text-table.js";

const word = fc.stringMatching(/^[a-z]{1,30}$/);
const cell = fc.array(word, { maxLength: 12 }).map((words) => words.join(" "));
const rows = fc.array(fc.tuple(cell, cell, cell), { maxLength: 5 });
const HEADING = ["Name", "Value", "About"];
const letters = (text: string) => [...text.replace(/\s/g, "")].sort().join("");

describe("a table", () => {
  it("fits the terminal and loses nothing, whatever is in it", () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 30, max: 120 }), (content, width) => {
        const text = table(HEADING, content, width);
        for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(width);
        expect(letters(text)).toBe(letters([HEADING, ...content].flat().join("")));
      }),
    );
  });

  it("is one line for each row if it fits, or if there is no terminal", () => {
    const row = ["a", "b ".repeat(100).trim(), "c"];
    expect(table(HEADING, [row], tableWidth([HEADING, row])).split("\n")).toHaveLength(3);
    expect(table(HEADING, [row], Number.POSITIVE_INFINITY).split("\n")).toHaveLength(3);
  });

  it("has no character that controls a terminal or breaks a row, whatever is in its cells", () => {
    const hostile = fc.string({
      unit: fc.constantFrom("a", " ", "\n", "\r", "\t", "\u001b", "\u0007", "\u007f", "\u009b"),
    });
    fc.assert(
      fc.property(hostile, fc.constantFrom(40, Number.POSITIVE_INFINITY), (cell, width) => {
        const lines = table(HEADING, [[cell, "b", "c"]], width).split("\n");
        if (width > 40) expect(lines).toHaveLength(3);
        expect(lines.join("")).not.toMatch(/\p{Cc}/u);
      }),
    );
  });

  it("may have hundreds of thousands of rows", () => {
    const content = Array.from({ length: 130_000 }, () => ["a"]);
    expect(table(["A"], content, Number.POSITIVE_INFINITY).split("\n")).toHaveLength(130_002);
  });

  it("breaks the widest column between words", () => {
    expect(table(["A", "B"], [["key", "one two three"]], 13)).toBe("A    B\nkey  one two\n     three\n");
  });
});

describe("wrapped text", () => {
  it("fits and loses nothing", () => {
    fc.assert(
      fc.property(cell, fc.integer({ min: 20, max: 80 }), (text, width) => {
        const lines = wrapped(text, width, 9).split("\n");
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
        expect(letters(lines.join(" "))).toBe(letters(text));
      }),
    );
  });
});
