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

describe("the series of a shape is formed once", () => {
  /** A reader, and how often it has formed the series of a record with one tag. */
  function counting() {
    let formed = 0;
    const reader = new RawMetricReader(GLOBAL_TAGS, () => {
      formed++;
      return true;
    });
    return { reader, formed: () => formed };
  }
  const textOf = (value: string, timestamp: string, tag = "a") =>
    `{"metric":"m","type":"count","value":${value},"timestamp":${timestamp},"tags":{"tag":"${tag}"}}`;

  it("whatever the numbers of its records, and however it is spaced", () => {
    for (const form of [(text: string) => text, spaced]) {
      const { reader, formed } = counting();
      for (const value of ["1", "-2.5", "0", "123456789.25", "-0.001"])
        for (const timestamp of ["5", "1763800000.125", "0.5"]) {
          const text = form(textOf(value, timestamp));
          expect(reader.read(text)).toMatchObject({
            value: {
              metric: "m",
              value: Number(value),
              timestamp: Number(timestamp),
              tags: ["site:hall", "tag:a"],
            },
          });
        }
      expect(formed()).toBe(1);
    }
  });

  it("in texts of up to a thousand characters: longer ones would take too much memory", () => {
    for (const [length, times] of [
      [1_000, 1],
      [1_001, 3],
    ] as const) {
      const { reader, formed } = counting();
      const text = textOf("1", "5");
      // Spaces, which are part of the shape.
      const padded = `${text}${" ".repeat(length - text.length)}`;
      for (let read = 0; read < 3; read++) expect(reader.read(padded).ok).toBe(true);
      expect(formed()).toBe(times);
    }
  });

  it("for 20,000 shapes, of which none makes way for another; any further one is read all the same", () => {
    const { reader, formed } = counting();
    const read = (context: number) => reader.read(textOf("1.5", "20", `c${context}`));
    for (let context = 0; context < 20_000; context++) read(context);
    expect(formed()).toBe(20_000);
    for (const context of [0, 10_000, 19_999]) read(context);
    expect(formed()).toBe(20_000);
    for (const context of [20_000, 20_001, 20_000])
      expect(read(context)).toMatchObject({ ok: true, value: { tags: ["site:hall", `tag:c${context}`] } });
    expect(formed()).toBe(20_003);
    read(0);
    expect(formed()).toBe(20_003);
  });

  it("without the tags that don't belong to it", () => {
    const reader = new RawMetricReader(GLOBAL_TAGS, (tag) => tag === "b:2");
    const text = '{"metric":"m","type":"count","value":1,"timestamp":5,"tags":{"a":"1","b":"2"}}';
    for (let times = 0; times < 2; times++)
      expect(reader.read(text)).toMatchObject({ value: { tags: ["b:2", "site:hall"] } });
  });
});
