/** JSON as programs write it: Python's numbers, nesting without end, and the text of each scalar. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseJson, parseSources } from "./json.js";

const nested = (levels: number, [open, close] = ["[", "]"]) => open.repeat(levels) + close.repeat(levels);

describe("parsed JSON", () => {
  it("is what JSON.parse makes of it", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        expect(parseJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it("has Python's NaN and infinities as texts, wherever they are, and the same words in a text as they were", () => {
    expect(parseJson('{"a": NaN, "b": [Infinity, -Infinity], "NaN": "is NaN, -Infinity \\" NaN"}')).toEqual({
      a: "NaN",
      b: ["Infinity", "-Infinity"],
      NaN: 'is NaN, -Infinity " NaN',
    });
    expect(parseJson("NaN")).toBe("NaN");
    expect(parseJson('"Infinity"')).toBe("Infinity");
  });

  it.each([
    "",
    "{",
    "nan",
    "[NaN",
    "{NaN: 1}x",
    "infinity",
    '{"a": NaN,}',
    '"NaN',
  ])("isn't %j: a SyntaxError", (text) => expect(() => parseJson(text)).toThrow(SyntaxError));

  it("has at most a hundred levels, of arrays and objects together, however many there are side by side", () => {
    // Long enough that the number of levels is looked at, and with room for text around them.
    const pad = `"${"x".repeat(200)}"`;
    const inList = (text: string) => `[${pad},${text},${pad}]`;
    expect(() => parseJson(inList(nested(99)))).not.toThrow();
    expect(() => parseJson(inList(nested(100)))).toThrow(new RangeError("nested more than 100 levels deep"));
    expect(() => parseJson(nested(101))).toThrow(RangeError);
    expect(() => parseJson(nested(100))).not.toThrow();
    const mixed = `${'{"a":['.repeat(50)}${"]}".repeat(50)}`;
    expect(() => parseJson(mixed)).not.toThrow();
    expect(() => parseJson(`[${mixed}]`)).toThrow(RangeError);
    expect(() => parseJson(inList(Array.from({ length: 500 }, () => '[{"a":[]}]').join(",")))).not.toThrow();
  });

  it("counts no brackets in texts, whatever quotes and backslashes these have", () => {
    const text = fc.string({ unit: fc.constantFrom('"', "\\", "[", "{", "]", "}", "a"), maxLength: 300 });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 6 }), (texts) => {
        const json = JSON.stringify([...texts, "[".repeat(500)]);
        expect(parseJson(json)).toEqual(JSON.parse(json));
        const deep = `[${[...texts.map((each) => JSON.stringify(each)), nested(100)].join(",")}]`;
        expect(() => parseJson(deep)).toThrow(RangeError);
      }),
    );
  });

  it("with a text that doesn't end is an error, not an endless search", () => {
    for (const text of [`"${"\\".repeat(301)}`, `["${"a".repeat(300)}`, `"${"[".repeat(300)}\\"`])
      expect(() => parseJson(text)).toThrow(SyntaxError);
  });

  it("costs no more time than its length, whatever it is", () => {
    const begun = performance.now();
    for (const unit of ['\\"', "\\\\", '"', '"\\', "NaN", "-", "[{"]) {
      for (const end of ["", "\\", '"', '"}'])
        expect(() => parseJson(`{"a":NaN,"b":"${unit.repeat(20_000)}${end}x`)).toThrow(
          /JSON|deep|Unexpected/,
        );
    }
    // Much more if the time grows with the square.
    expect(performance.now() - begun).toBeLessThan(4_000);
  });
});

describe("the sources of scalars", () => {
  it("are numbers as they were written, and texts that begin with a quote, like the names of fields", () => {
    const text = '{"a": 1.0, "b": [-1E+2, "x 2.50 \\" NaN", true, null, 9007199254740993], "1": NaN}';
    expect(parseSources(text)).toEqual({
      '"a': "1.0",
      '"b': ["-1E+2", '"x 2.50 " NaN', true, null, "9007199254740993"],
      '"1': "NaN",
    });
  });

  it("are the value of the same JSON", () => {
    const value = (source: unknown): unknown => {
      if (typeof source === "string") return source.startsWith('"') ? source.slice(1) : Number(source);
      if (Array.isArray(source)) return source.map(value);
      if (typeof source !== "object" || source === null) return source;
      return Object.fromEntries(Object.entries(source).map(([name, of]) => [name.slice(1), value(of)]));
    };
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (text) => {
        fc.pre(!text.includes("__proto__"));
        // As text, which knows no negative zero.
        expect(JSON.stringify(value(parseSources(text)))).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });
});
