/** What a raw record is taken for. Python, which wrote most of them, is the oracle for what it alone decides. */
import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ReceivedMetric } from "./raw-metric.js";
import { decodeRawMetric } from "./raw-metric-codec.js";

function decoded(text: string): ReceivedMetric {
  const answer = decodeRawMetric(text);
  if (!answer.ok) throw new Error(`${answer.reason}: ${text}`);
  return answer.value;
}

/** What a Python expression over `texts` comes to. */
function python(expression: string, texts: readonly string[]): unknown {
  const script = `import json,sys\ntexts = json.load(sys.stdin)\nprint(json.dumps(${expression}))`;
  return JSON.parse(
    execFileSync("/usr/bin/python3", ["-c", script], { input: JSON.stringify(texts) }).toString(),
  );
}

const raw = (value: string, type = "count", tags = "{}", timestamp = "2.5") =>
  `{"metric":"m","type":"${type}","value":${value},"timestamp":${timestamp},"tags":${tags}}`;

describe("a raw metric", () => {
  it("is what was written", () => {
    expect(
      decoded(
        '{"metric":"a.b","type":"gauge","value":-1.5,"timestamp":1763940899.38,"tags":{"b":"2","a":"1"}}',
      ),
    ).toEqual({ metric: "a.b", type: "gauge", value: -1.5, timestamp: 1763940899.38, tags: ["b:2", "a:1"] });
  });

  it.each([
    "count",
    "rate",
    "gauge",
    "histogram",
    "distribution",
  ])("of True is a %s of 1, as in Python", (type) => {
    expect(decoded(raw("true", type))).toMatchObject({ type, value: 1 });
    expect(decoded(raw("false", type))).toMatchObject({ type, value: 0 });
  });

  it.each([
    ['"1763940899.38"', 1763940899.38],
    ['"0"', 0],
    ['"1.5e9"', 1.5e9],
  ])("may have its time as text: %s", (text, time) => {
    expect(decoded(raw("1", "count", "{}", text)).timestamp).toBe(time);
  });

  it.each([
    '""',
    '"soon"',
    '"-5"',
    "-5",
    '"0x10"',
    '" 5"',
    "null",
    "true",
    "1e13",
    "1e400",
    "NaN",
    "[5]",
  ])("has no time in %s", (timestamp) => {
    expect(decodeRawMetric(raw("1", "count", "{}", timestamp))).toEqual({
      ok: false,
      reason: expect.stringMatching(/^timestamp should be seconds since 1970, but is /),
    });
  });

  it.each(["[]", "{}", "null", '""', "false", "0"])("has no tags in %s", (tags) => {
    expect(decoded(raw("1", "count", tags)).tags).toEqual([]);
  });

  it.each(['["a:b"]', '"a:b"', "5", "true"])("can't be used with tags that are %s", (tags) => {
    expect(decodeRawMetric(raw("1", "count", tags))).toEqual({
      ok: false,
      reason: expect.stringMatching(/^tags should be an object of name: value/),
    });
  });

  it.each([
    ["a number as text", '"5"', "count"],
    ["null", "null", "histogram"],
    ["NaN", "NaN", "gauge"],
    ["-Infinity", "-Infinity", "gauge"],
    ["a number beyond all doubles", "1e400", "gauge"],
    ["no array", '"a"', "set"],
    ["an element that is no finite number", "[1, 1e400]", "set"],
    ["a whole number without end", `[${"9".repeat(5_000)}]`, "set"],
  ])("can't be used with the value %s", (_, value, type) => {
    expect(decodeRawMetric(raw(value, type))).toEqual({
      ok: false,
      reason: expect.stringMatching(/^value/),
    });
  });

  it("holds whatever is in a text: numbers, NaN and quotes in it are text", () => {
    const tags = '{"n":1.0,"t":"a \\" 1.50 NaN -Infinity \\\\","value":"2.0"}';
    expect(decoded(raw("1", "count", tags)).tags).toEqual([
      "n:1.0",
      't:a " 1.50 NaN -Infinity \\',
      "value:2.0",
    ]);
  });

  it("keeps __proto__ a name like any other", () => {
    expect(decoded(raw("1", "count", '{"__proto__":{"a":1},"b":1}')).tags).toEqual([
      '__proto__:{"a":1}',
      "b:1",
    ]);
    expect(decodeRawMetric('{"__proto__":{"metric":"m","type":"count","value":1,"timestamp":2}}').ok).toBe(
      false,
    );
  });

  it("has the last of two values of one field, as in Python", () => {
    expect(
      decoded('{"metric":"m","type":"count","value":1,"timestamp":2,"value":3,"tags":{"a":1.0,"a":2.0}}'),
    ).toEqual({
      ...{ metric: "m", type: "count", value: 3, timestamp: 2, tags: ["a:2.0"] },
    });
  });
});

const scalar = fc.oneof(
  fc
    .string({ unit: fc.constantFrom("a", '"', "\\", "1", ".", "é", " ", "N") })
    .map((text) => JSON.stringify(text)),
  fc.constantFrom("0", "-0", "0.0", "1", "1.0", "true", "false", "null", "1.50", "100", "1e2", "-1E+2"),
  fc.constantFrom("9007199254740992", "9007199254740993", "9007199254740992.0", "9007199254740993.0", "1e20"),
  fc.constantFrom("100000000000000000000", "100000000000000000001", "0.1", "0.10", "2.5e-3", "1e308"),
  fc.bigInt().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
);

describe("as Python reads it", () => {
  it("a set has as many different elements", () => {
    const sets = fc.sample(fc.array(scalar, { maxLength: 12 }), { numRuns: 1_000, seed: 1 });
    const texts = [["1", '"1"', "1.0", "true"], ...sets].map((elements) => `[${elements.join(", ")}]`);
    const counts = texts.map((text) => {
      const { value } = decoded(raw(text, "set"));
      return new Set(value as readonly unknown[]).size;
    });
    expect(counts[0]).toBe(2);
    expect(counts).toEqual(python("[len(set(json.loads(text))) for text in texts]", texts));
  });

  it("a tag has the same text, whatever its value", () => {
    // Python writes a number again as it was written, if Python wrote it.
    const values = fc.sample(scalar, { numRuns: 1_000, seed: 2 });
    const written = python("[json.dumps(json.loads(text)) for text in texts]", values) as readonly string[];
    const tags = written.map((value) => decoded(raw("1", "count", `{"t": ${value}}`)).tags[0]);
    expect(tags).toEqual(python('[f"t:{str(json.loads(text))}" for text in texts]', written));
  });
});
