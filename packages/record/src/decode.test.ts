/** Decoding is a boundary: whatever a record holds, the answer is a record or a reason. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bad, decode } from "./decode.js";
import { decodeLog } from "./log.js";
import { decodeRawMetric, encodeRawMetric } from "./raw-metric-codec.js";
import { RawMetricReader } from "./raw-metric-reader.js";
import { decodeReadyMetric, encodeReadyMetric } from "./ready-metric-codec.js";

const DECODERS = {
  "a raw metric": (text: string) => new RawMetricReader(["env:live"]).read(text),
  "a ready metric": decodeReadyMetric,
  "a log": decodeLog,
};
const GOOD: Readonly<Record<keyof typeof DECODERS, Readonly<Record<string, string>>>> = {
  "a raw metric": { metric: '"m"', type: '"set"', value: '["a"]', timestamp: "5", tags: '{"a":"b"}' },
  "a ready metric": { metric: '"m"', type: '"count"', tags: '["a:b"]', points: "[[5,1]]", interval: "10" },
  "a log": { message: '{"msg":"hi"}', ddtags: '["a:b"]', date: '"2026-11-26T00:00:00Z"', extra: "1" },
};
const kinds = Object.keys(DECODERS) as (keyof typeof DECODERS)[];

const write = (fields: Readonly<Record<string, string>>) =>
  `{${Object.entries(fields).map(([name, value]) => `${JSON.stringify(name)}:${value}`)}}`;
const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

/** What is decoded can be written again: nothing in it makes JSON throw, at whatever depth of the stack. */
function expectAnswer(kind: keyof typeof DECODERS, text: string): boolean {
  const answer = DECODERS[kind](text);
  if (answer.ok)
    JSON.stringify(answer.value, (_, value) => (typeof value === "bigint" ? String(value) : value));
  else expect(answer.reason.length).toBeLessThan(500);
  return answer.ok;
}

describe.each(kinds)("%s", (kind) => {
  const good = GOOD[kind];

  it("is decoded", () => expect(expectAnswer(kind, write(good))).toBe(true));

  it("has an answer with an array nested 5,000 or a million levels deep in any field", () => {
    for (const field of [...Object.keys(good), "more", "__proto__"]) {
      for (const levels of [5_000, 1_000_000]) {
        const text = write({ ...good, [field]: nested(levels) });
        expect(DECODERS[kind](text)).toMatchObject({ ok: false, reason: expect.stringContaining("deep") });
        const inside = write({ ...good, [field]: `{"a":["b",{"c":${nested(levels)}}]}` });
        expect(expectAnswer(kind, inside)).toBe(false);
      }
      expectAnswer(kind, write({ ...good, [field]: nested(90) }));
      expect(DECODERS[kind](write({ ...good, more: nested(99) })).ok).toBe(true);
      expect(DECODERS[kind](write({ ...good, more: nested(100) })).ok).toBe(false);
      // Brackets in a text are no levels, whatever quotes and backslashes are beside them.
      const brackets = JSON.stringify(`\\"${"[".repeat(5_000)}\\\\`);
      expect(DECODERS[kind](write({ ...good, more: brackets })).ok).toBe(true);
    }
  });

  it("has an answer for any JSON in any field, any text, and any text that was JSON", () => {
    const json = fc.json({ maxDepth: 4 });
    const odd = fc.constantFrom(
      "1e400",
      "-1e400",
      "NaN",
      "-Infinity",
      '"\\ud800"',
      '{"toString":1}',
      '{"__proto__":[]}',
    );
    const number = fc.double().map(String);
    const fields = fc.dictionary(
      fc.constantFrom(...Object.keys(good), "__proto__", "toJSON"),
      fc.oneof(json, odd, number),
    );
    const records = fields.map((given) => write({ ...good, ...given }));
    const bits = fc.tuple(records, fc.nat(), fc.nat(255)).map(([text, at, byte]) => {
      const bytes = Buffer.from(text);
      bytes[at % bytes.length] = byte;
      return bytes.toString();
    });
    fc.assert(
      fc.property(fc.oneof(records, bits, fc.string({ unit: "binary" }), json), (text) => {
        expectAnswer(kind, text);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("a ready metric", () => {
  const ready = (fields: Readonly<Record<string, string>>) =>
    decodeReadyMetric(write({ ...GOOD["a ready metric"], ...fields }));

  it.each(["1e400", "0", "-10", "0.5", "1e12", '"10"', "[10]"])("has no interval of %s", (interval) => {
    expect(ready({ interval })).toEqual({
      ok: false,
      reason: expect.stringMatching(/^interval should be whole seconds from 1 to 31536000/),
    });
  });

  it("has the interval and the points that were written", () => {
    expect(ready({ interval: "10.0", points: '[["1763.5", 2], [5, -0.5]]', tags: "null" })).toEqual({
      ok: true,
      value: {
        metric: "m",
        type: "count",
        tags: [],
        points: [
          [1763.5, 2],
          [5, -0.5],
        ],
        interval: 10,
      },
    });
    expect(ready({ interval: "null", type: '"gauge"' })).toMatchObject({
      ok: true,
      value: { type: "gauge" },
    });
  });

  it.each([
    "[]",
    "{}",
    "[5, 1]",
    "[[5]]",
    "[[5, 1, 1]]",
    "[[5, null]]",
    "[[5, NaN]]",
    "[[-1, 1]]",
    "[[1e13, 1]]",
  ])("has no points in %s", (points) => {
    expect(ready({ points })).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/^points should be/),
    });
  });

  it.each(['"set"', '"constructor"', "null", "3"])("has no type %s", (type) => {
    expect(ready({ type })).toMatchObject({ ok: false, reason: expect.stringMatching(/^type should be/) });
  });

  it("isn't written with a number that JSON can't carry", () => {
    const metric = { metric: "m", type: "gauge", tags: [] } as const;
    for (const point of [
      [1, Number.NaN],
      [1, Number.POSITIVE_INFINITY],
      [Number.NaN, 1],
    ])
      expect(encodeReadyMetric({ ...metric, points: [point as never] })).toBeUndefined();
    expect(encodeReadyMetric({ ...metric, points: [] })).toBeUndefined();
  });
});

describe("a log", () => {
  it("keeps an extra that Python wrote as NaN, as text", () => {
    expect(
      decodeLog(
        '{"message": {"msg": "NaN is no number"}, "ddtags": [], "ratio": NaN, "all": [-Infinity, 1]}',
      ),
    ).toEqual({
      ok: true,
      value: { message: { msg: "NaN is no number" }, ddtags: [], ratio: "NaN", all: ["-Infinity", 1] },
    });
  });

  it("has its tags as a list, as one text or not at all", () => {
    for (const ddtags of ['["a:b", " c ", ""]', '"a:b, c,"'])
      expect(decodeLog(`{"message":"hi","ddtags":${ddtags}}`)).toMatchObject({
        value: { ddtags: ["a:b", "c"] },
      });
    expect(decodeLog('{"message":"hi"}')).toMatchObject({ value: { ddtags: [] } });
    expect(decodeLog('{"message":"hi","ddtags":{"a":"b"}}').ok).toBe(false);
  });
});

it("a raw metric isn't written with a number that JSON can't carry", () => {
  const metric = { metric: "m", tags: {}, timestamp: 5 as never } as const;
  expect(encodeRawMetric({ ...metric, type: "count", value: Number.NaN })).toBeUndefined();
  expect(
    encodeRawMetric({ ...metric, type: "count", value: 1, timestamp: Number.NaN as never }),
  ).toBeUndefined();
  expect(encodeRawMetric({ ...metric, type: "set", value: [1, Number.POSITIVE_INFINITY] })).toBeUndefined();
  expect(encodeRawMetric({ ...metric, type: "set", value: [1, "a", true] })).toBe(
    '{"metric":"m","type":"set","value":[1,"a",true],"timestamp":5,"tags":{}}',
  );
});

describe("the reason why a record can't be decoded", () => {
  const reasonOf = (text: string, read: Parameters<typeof decode>[1] = () => ({ ok: true, value: 1 })) => {
    const answer = decode(text, read);
    return answer.ok ? answer.value : answer.reason;
  };

  it("is that the text is no JSON, is nested too deeply, or is no object", () => {
    expect(reasonOf("{")).toMatch(/^not JSON: /);
    expect(reasonOf(nested(5_000))).toMatch(/^can't be decoded: nested more than/);
    for (const [text, found] of [
      ["null", "null"],
      ["[1]", "an array"],
      ['"text"', '"text"'],
      ["5", "5"],
      ["true", "true"],
    ])
      expect(reasonOf(text ?? "")).toBe(`the record should be a JSON object, but is ${found}`);
    expect(reasonOf("{}")).toBe(1);
  });

  it("is what its reader throws or finds", () => {
    const throwing = () => {
      throw new RangeError("too large");
    };
    expect(reasonOf("{}", throwing)).toBe("can't be decoded: too large");
    expect(reasonOf('{"a": 5}', ({ a }, text) => bad(text, "a name", a))).toBe(
      '{"a": 5} should be a name, but is 5',
    );
  });

  it("shows the value that was found, if that is short", () => {
    const shown = (found: unknown) => {
      const { reason } = bad("f", "x", found);
      return reason.replace("f should be x, but is ", "");
    };
    expect([undefined, null, [1], { a: 1 }, true, 5, "text"].map(shown)).toEqual([
      "missing",
      "null",
      "an array",
      "an object",
      "true",
      "5",
      '"text"',
    ]);
    expect(shown("x".repeat(78))).toBe(`"${"x".repeat(78)}"`);
    expect(shown("x".repeat(79))).toBe(`"${"x".repeat(79)}…`);
    expect(shown("x".repeat(1e6))).toBe(`"${"x".repeat(79)}…`);
    // Cut before it is escaped, so that the work is bounded.
    expect(shown('"'.repeat(1e6))).toBe(`"${'\\"'.repeat(39)}\\…`);
  });
});

describe("a raw metric that is written", () => {
  const metric = { metric: 'm"', tags: { a: 'b"' }, timestamp: 5.5 as never } as const;

  it("is read as it was, numbers and sets alike", () => {
    for (const value of [0, -1.5, 1e300])
      expect(JSON.parse(encodeRawMetric({ ...metric, type: "gauge", value }) ?? "")).toEqual({
        ...metric,
        type: "gauge",
        value,
      });
    const elements = ["a", 1, true];
    expect(JSON.parse(encodeRawMetric({ ...metric, type: "set", value: elements }) ?? "")).toEqual({
      ...metric,
      type: "set",
      value: elements,
    });
  });

  it("has finite numbers only", () => {
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(encodeRawMetric({ ...metric, type: "gauge", value: wrong })).toBeUndefined();
      expect(encodeRawMetric({ ...metric, type: "set", value: ["a", wrong] })).toBeUndefined();
      expect(
        encodeRawMetric({ ...metric, type: "gauge", value: 1, timestamp: wrong as never }),
      ).toBeUndefined();
    }
  });
});

describe("weighted samples", () => {
  const samples = (value: string) =>
    decodeRawMetric(`{"metric":"m","type":"samples","value":${value},"timestamp":5}`);

  it("are a histogram's, each a number with a weight above 0", () => {
    expect(samples("[[1, 2], [-1.5, 0.5]]")).toEqual({
      ok: true,
      value: {
        metric: "m",
        type: "histogram",
        value: [
          [1, 2],
          [-1.5, 0.5],
        ],
        timestamp: 5,
        tags: [],
      },
    });
  });

  it.each([
    "[]",
    "5",
    "{}",
    "[1, 2]",
    "[[1]]",
    "[[1, 2, 3]]",
    "[[1, 0]]",
    "[[1, -1]]",
    '[["1", 2]]',
    '[[1, "2"]]',
    "[[NaN, 1]]",
    "[[1, 1e400]]",
    "[[1, 2], [1, 0]]",
  ])("aren't %s", (value) => {
    expect(samples(value)).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/^value should be a list/),
    });
  });
});

it("a distribution's sketch has samples, and a record has a known type and a name", () => {
  const sketch = '{"count":1,"sum":1,"min":1,"max":1,"k":[1338],"n":[1]}';
  const record = (fields: Readonly<Record<string, string>>) =>
    decodeRawMetric(write({ metric: '"m"', type: '"sketch"', value: sketch, timestamp: "5", ...fields }));
  expect(record({})).toMatchObject({ value: { type: "distribution", value: { count: 1, sum: 1 } } });
  expect(record({ value: "5" })).toMatchObject({
    reason: expect.stringMatching(/^value should be a sketch/),
  });
  for (const metric of ['""', "5", "null"])
    expect(record({ metric })).toMatchObject({ reason: expect.stringMatching(/^metric should be a name/) });
  for (const type of ['"other"', "5", "null"])
    expect(record({ type })).toMatchObject({ reason: expect.stringMatching(/^type should be one of count/) });
});
