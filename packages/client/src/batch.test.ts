import { milliseconds } from "@chouette-iot/record";
import fc from "fast-check";
import { expect, test } from "vitest";
import { BATCH_BYTES, BATCH_RECORDS, Batch } from "./batch.js";
import { ContextLookup } from "./context-lookup.js";

const HOUR = milliseconds(3_600_000);
const NUMBER = "0123456789";
const newBatch = (timeout = HOUR) => new Batch("q", NUMBER, timeout);
const contexts = new ContextLookup();

function context(type: "gauge" | "set", metric: string) {
  const found = contexts.lookupOrCreate(type, metric, { a: "b" });
  if (found === undefined) throw new Error("no such context");
  return found;
}

const score = fc.nat(1e9).map((time) => `${time / 1_000}`);
const record = fc.oneof(
  fc.record({ number: fc.double({ noNaN: true, noDefaultInfinity: true }), score }),
  fc.record({ elements: fc.array(fc.string()), score }),
  fc.record({ text: fc.json(), score }),
);

test("its rows are what was added, in that order, with ids that sort in that order", () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 80 }), (records) => {
      const batch = newBatch();
      let bytes = 0;
      const expected = records.map((each) => {
        if ("text" in each) {
          bytes += batch.addText(each.text, each.score);
          return each.text;
        }
        const isNumber = "number" in each;
        const value = isNumber ? each.number : JSON.stringify(each.elements);
        const type = isNumber ? "gauge" : "set";
        bytes += batch.addMetric(context(type, "m"), value, each.score);
        return `{"metric":"m","type":"${type}","value":${value},"timestamp":${each.score},"tags":{"a":"b"}}`;
      });
      const { queue, scores, ids, values } = batch.rows();
      expect([queue, values, scores]).toEqual(["q", expected, records.map((each) => each.score)]);
      expect(ids.every((id) => id.length === 12 && id.startsWith(NUMBER))).toBe(true);
      expect([...new Set(ids)].sort()).toEqual(ids);
      expect([batch.records, batch.bytes]).toEqual([records.length, bytes]);
      // The estimate is no less than what the texts take.
      expect(bytes).toBeGreaterThanOrEqual(values.join("").length);
      expect(batch.rows()).toEqual(batch.rows());
    }),
  );
});

test("it is full with its last record, and has an id for each", () => {
  const batch = newBatch();
  for (let added = 0; added < BATCH_RECORDS; added++) {
    expect(batch.isFull).toBe(false);
    batch.addText("{}", "1");
  }
  expect(batch.isFull).toBe(true);
  const { ids } = batch.rows();
  expect(ids.every((id) => id.length === 12)).toBe(true);
  expect([...new Set(ids)].sort()).toEqual(ids);
});

test("it is full once its texts reach a quarter of a megabyte", () => {
  expect(BATCH_BYTES).toBe(2 ** 18);
  const batch = newBatch();
  const overhead = batch.addText("", "1");
  batch.addText("x".repeat(BATCH_BYTES - 3 * overhead - 1), "1");
  expect([batch.bytes, batch.isFull]).toEqual([BATCH_BYTES - overhead - 1, false]);
  batch.addText("x", "1");
  expect([batch.bytes, batch.isFull]).toEqual([BATCH_BYTES, true]);
});

const pending = Symbol("pending");
const stateOf = (promise: Promise<boolean>) => Promise.race([promise, Promise.resolve(pending)]);

test("once settled, it has one answer and one outcome", async () => {
  for (const stored of [true, false]) {
    const batch = newBatch();
    expect([await stateOf(batch.answer), await stateOf(batch.fate)]).toEqual([pending, pending]);
    batch.settle(stored);
    expect([await batch.answer, await batch.fate, batch.answerFalse()]).toEqual([stored, stored, false]);
  }
});

test("calls that were answered early stay so, and the outcome is still to come", async () => {
  const batch = newBatch();
  expect([batch.answerFalse(), batch.answerFalse()]).toEqual([true, false]);
  expect([await batch.answer, await stateOf(batch.fate)]).toEqual([false, pending]);
  batch.settle(true);
  expect([await batch.answer, await batch.fate]).toEqual([false, true]);
});

test("calls are answered after the timeout, not before", async () => {
  const batch = newBatch(milliseconds(40));
  expect(await batch.answer).toBe(false);
  expect(performance.now() - batch.begun).toBeGreaterThan(35);
  expect(await stateOf(batch.fate)).toBe(pending);
});
