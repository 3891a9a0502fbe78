import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { replaceField } from "./json-field.js";

describe("a field of a record in JSON", () => {
  it("is replaced, and every other one stays, whatever the record holds", () => {
    const record = fc.dictionary(
      fc.oneof(fc.constantFrom("t", "a", '"t":', "__proto__"), fc.string()),
      fc.jsonValue({ maxDepth: 3 }),
    );
    const spacing = fc.constantFrom(undefined, 1, "\t");
    fc.assert(
      fc.property(record, fc.jsonValue(), spacing, (fields, value, space) => {
        const entries = Object.entries(fields);
        const text = JSON.stringify(Object.fromEntries(entries), undefined, space);
        const expected = Object.fromEntries(entries.map(([name, old]) => [name, name === "t" ? value : old]));
        expect(JSON.parse(replaceField(text, "t", () => JSON.stringify(value)))).toEqual(
          JSON.parse(JSON.stringify(expected)),
        );
        expect(replaceField(text, "t", () => undefined)).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['{"t":1,"v":[9007199254740993, 1.0, NaN]}', '{"t":2,"v":[9007199254740993, 1.0, NaN]}'],
    ['{ "t" : 1 , "u" : "t" }', '{ "t" :2, "u" : "t" }'],
    ['{"t":1,"t":1}', '{"t":2,"t":2}'],
    ['{"\\u0074":1}', '{"\\u0074":2}'],
    ['{"u":{"t":1},"v":["t",{"t":1}],"t":1}', '{"u":{"t":1},"v":["t",{"t":1}],"t":2}'],
    ['{"u":"\\"t\\":1,","t":1}', '{"u":"\\"t\\":1,","t":2}'],
    ['["t",1]', '["t",1]'],
    ['[{"t":1}]', '[{"t":1}]'],
    ['"t":1', '"t":1'],
    ['{"t":1', '{"t":1'],
    ["{", "{"],
    ["}}]{]", "}}]{]"],
    ["", ""],
    ["{}", "{}"],
    ["null", "null"],
  ])("of %s makes %s", (text, expected) => {
    expect(replaceField(text, "t", () => "2")).toBe(expected);
  });

  it("costs no more time than the text's length, whatever the text is", () => {
    const begun = performance.now();
    for (const unit of ['\\"', "\\\\", '"', '"\\', "[{", ",:"]) {
      const text = `{"t":1,"u":"${unit.repeat(20_000)}`;
      expect(replaceField(text, "t", () => "2")).toContain('{"t":2,');
    }
    // Much more if the time grows with the square.
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  it("is given as it is written", () => {
    const given: string[] = [];
    replaceField('{"t": [1, {"t": 2}] , "u":3, "t":"x"}', "t", (value) => {
      given.push(value);
      return undefined;
    });
    expect(given).toEqual(['[1, {"t": 2}]', '"x"']);
  });
});
