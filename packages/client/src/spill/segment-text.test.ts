import { addToAppend, emptyAppend } from "@chouette-iot/queue/redis/append";
import fc from "fast-check";
import { expect, test } from "vitest";
import { batchText, parseSegment } from "./segment-text.js";

const record = fc.tuple(fc.double({ noNaN: true }), fc.uuid(), fc.string({ unit: "binary" }));
const batches = fc.array(fc.array(record, { minLength: 1, maxLength: 5 }), { maxLength: 5 });

function written(given: readonly (readonly (readonly [number, string, string])[])[]) {
  const all = given.map((records) => {
    const commands = emptyAppend("q");
    for (const [score, id, metric] of records)
      addToAppend(commands, `${score}`, id, JSON.stringify({ metric }));
    return commands;
  });
  return { all, text: all.map((commands) => batchText("q", commands)).join("") };
}

test("what was written is read", () => {
  fc.assert(
    fc.property(batches, (given) => {
      const { all, text } = written(given);
      const parsed = parseSegment(text);
      expect(parsed.torn).toBe(0);
      expect(parsed.batches.map(({ commands }) => commands)).toEqual(all);
    }),
  );
});

test("what JSON leaves as it is but other readers take for a line end is read", () => {
  const { all, text } = written([[[1, "id", "\u2028a\u2029\u0085"]]]);
  expect(parseSegment(text)).toEqual({ batches: [{ commands: all[0], records: 1 }], torn: 0 });
});

test("a file cut off anywhere costs at most the record that it was cut in", () => {
  fc.assert(
    fc.property(batches, fc.nat(), (given, at) => {
      const { text } = written(given);
      const cut = text.slice(0, text.length === 0 ? 0 : at % text.length);
      const wholeLines = cut.split("\n").slice(0, -1);
      const parsed = parseSegment(cut);
      const records = parsed.batches.reduce((sum, batch) => sum + batch.records, 0);
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
  expect(parsed.batches.map(({ records }) => records)).toEqual([1]);
});
