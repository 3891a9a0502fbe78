import fc from "fast-check";
import { expect, test } from "vitest";
import { addRow, emptyRows } from "../rows.js";
import { batchText, parseSegment } from "./segment-text.js";

const record = fc.tuple(fc.double({ noNaN: true }), fc.uuid(), fc.string({ unit: "binary" }));
const batches = fc.array(fc.array(record, { minLength: 1, maxLength: 5 }), { maxLength: 5 });

function written(given: readonly (readonly (readonly [number, string, string])[])[]) {
  const all = given.map((records) => {
    const rows = emptyRows("q");
    for (const [score, id, metric] of records) addRow(rows, `${score}`, id, JSON.stringify({ metric }));
    return rows;
  });
  return { all, text: all.map((rows) => batchText(rows)).join("") };
}

test("what was written is read", () => {
  fc.assert(
    fc.property(batches, (given) => {
      const { all, text } = written(given);
      const parsed = parseSegment(text);
      expect(parsed.torn).toBe(0);
      expect(parsed.batches.map(({ rows }) => rows)).toEqual(all);
    }),
  );
});

test("what JSON leaves as it is but other readers take for a line end is read", () => {
  const { all, text } = written([[[1, "id", "\u2028a\u2029\u0085"]]]);
  expect(parseSegment(text)).toEqual({ batches: [{ rows: all[0], doubt: undefined }], torn: 0 });
});

test("a file cut off anywhere costs at most the record that it was cut in", () => {
  fc.assert(
    fc.property(batches, fc.nat(), (given, at) => {
      const { text } = written(given);
      const cut = text.slice(0, text.length === 0 ? 0 : at % text.length);
      const wholeLines = cut.split("\n").slice(0, -1);
      const parsed = parseSegment(cut);
      const records = parsed.batches.reduce((sum, { rows }) => sum + rows.ids.length, 0);
      expect(records).toBe(wholeLines.filter((line) => !line.startsWith("#")).length);
      expect(parsed.torn).toBe(cut === "" || cut.endsWith("\n") ? 0 : 1);
    }),
  );
});

test("rubbish is passed over and counted", () => {
  const parsed = parseSegment(
    'rubbish\n#{"queue":"q"}\n1 id {"a":1}\nnot a record\n#nonsense\n2 id {"a":1}\n',
  );
  expect(parsed.torn).toBe(4);
  expect(parsed.batches.map(({ rows }) => rows.ids.length)).toEqual([1]);
});

test("a batch in doubt is read with what its fate depends on", () => {
  const rows = emptyRows("q");
  addRow(rows, "1", "id", "{}");
  for (const carrier of [{ id: "7", address: "1.2.3.4:5" }, undefined]) {
    const doubt = { marker: "m", sequence: "3", carrier };
    expect(parseSegment(batchText(rows, doubt))).toEqual({ batches: [{ rows, doubt }], torn: 0 });
  }
});

test("a batch without records is none", () => {
  expect(parseSegment(batchText(emptyRows("q")) + batchText(emptyRows("r")))).toEqual({
    batches: [],
    torn: 0,
  });
});

test.each([
  "null",
  "5",
  "[]",
  "{}",
  '{"queue":5}',
  '"queue"',
  "",
])("a head of %s is torn, and so are the records below it, until the next head", (head) => {
  const { batches: read, torn } = parseSegment(`#${head}\n1 a {}\n2 b {}\n#{"queue":"q"}\n3 c {}\n`);
  expect([torn, read.map(({ rows }) => rows.ids)]).toEqual([3, [["c"]]]);
});

test.each([
  "1 a",
  "1  {}",
  " a {}",
  "1 a {} ",
  "1 a []",
  "a {}",
  "",
  "1 a b {}",
])("%j is no record", (line) => {
  expect(parseSegment(`#{"queue":"q"}\n${line}\n3 c {}\n`)).toMatchObject({
    batches: [{ rows: { ids: ["c"] } }],
    torn: 1,
  });
});
