import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeRawMetric } from "./raw-metric-codec.js";
import { RawMetricReader } from "./raw-metric-reader.js";
import { seriesIdentity } from "./series-identity.js";

const GLOBAL_TAGS = ["site:hall"];

function expectSame(reader: RawMetricReader, text: string): void {
  const decoded = decodeRawMetric(text);
  const answer = reader.read(text);
  if (!decoded.ok) expect(answer).toEqual(decoded);
  else {
    const { type, value, timestamp } = decoded.value;
    const series = seriesIdentity(decoded.value, GLOBAL_TAGS);
    expect(answer).toEqual(
      series === undefined
        ? { ok: false, reason: expect.stringMatching(/^metric should be a name with a letter in it/) }
        : { ok: true, value: { ...series, type, value, timestamp } },
    );
  }
}

/** As the original client writes it: with a space after each comma and colon. */
function spaced(text: string): string {
  return text.replaceAll(',"', ', "').replaceAll('":', '": ');
}

const names = fc.constantFrom("a", "b.c", "B-c", "42", "", 'q"uote', "ü", "value", '"value":', "back\\slash");
const numbers = fc.oneof(fc.double(), fc.integer({ min: -9, max: 9 }), fc.constantFrom(1, 2, 3, 4));
const records = fc.record({
  metric: names,
  type: fc.constantFrom("count", "gauge", "rate", "histogram", "distribution", "set", "other"),
  value: fc.oneof(numbers, fc.array(numbers, { maxLength: 2 })),
  timestamp: numbers,
  tags: fc.dictionary(fc.constantFrom("a", "value", "timestamp", "b"), fc.oneof(names, numbers), {
    maxKeys: 3,
  }),
});

describe("for any text, its answer is the decoder's", () => {
  it("for records of few contexts, written in two ways", () => {
    const texts = records.chain((record) => {
      const text = JSON.stringify(record);
      return fc.constantFrom(text, spaced(text));
    });
    fc.assert(
      fc.property(fc.array(texts, { maxLength: 50 }), (many) => {
        const reader = new RawMetricReader(GLOBAL_TAGS);
        for (const text of [...many, ...many]) expectSame(reader, text);
      }),
      { numRuns: 500 },
    );
  });

  it("for texts with a piece taken out, put in or written twice", () => {
    const pieces = fc.constantFrom(
      '"value":1',
      ',"value":3',
      '"timestamp":2,',
      "{",
      "}",
      ",",
      "01",
      "-",
      " ",
      '"',
    );
    const mangled = fc.tuple(records, fc.nat(200), fc.nat(12), pieces).map(([record, at, length, piece]) => {
      const text = JSON.stringify(record);
      return text.slice(0, at) + piece + text.slice(at + length);
    });
    fc.assert(
      fc.property(fc.array(mangled, { maxLength: 20 }), (many) => {
        const reader = new RawMetricReader(GLOBAL_TAGS);
        for (const text of many) expectSame(reader, text);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    [
      "a value that is set again",
      '{"metric":"m","type":"count","value":1,"timestamp":2,"tags":{},"value":1}',
    ],
    [
      "a value set again by an escape",
      '{"metric":"m","type":"count","value":1,"timestamp":2,"v\\u0061lue":1}',
    ],
    [
      "numbers of an object inside",
      '{"value" :1,"timestamp" :2,"metric":"m","type":"count","tags":{"value":1,"timestamp":2}}',
    ],
    ["hundreds of digits", `{"metric":"m","type":"count","value":${"9".repeat(400)},"timestamp":2}`],
  ])("where a text of the same shape came before: %s", (_, text) => {
    const reader = new RawMetricReader(GLOBAL_TAGS);
    expectSame(reader, '{"metric":"m","type":"count","value":7,"timestamp":8}');
    expectSame(reader, text);
    expectSame(reader, text.replace('"value":1', '"value":5').replace('"timestamp":2', '"timestamp":6'));
  });
});

it("goes on where there are more shapes than it remembers", () => {
  const reader = new RawMetricReader(GLOBAL_TAGS);
  for (let context = 0; context < 45_000; context++) {
    const text = `{"metric":"m","type":"count","value":1.5,"timestamp":20,"tags":{"context":"${context}"}}`;
    const answer = reader.read(text);
    expect(answer).toMatchObject({ ok: true, value: { tags: [`context:${context}`, "site:hall"] } });
  }
});
