import type { Result } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { readSeriesV1, readSeriesV2 } from "./read-series-json.js";
import type { SubmittedSeries } from "./submitted-series.js";

const v1 = { metric: "engine.rpm", points: [[1_700_000_000, 1.5]] };
const v2 = { metric: "engine.rpm", points: [{ timestamp: 1_700_000_000, value: 1.5 }] };
const readOneV1 = (fields: object) =>
  readSeriesV1(Buffer.from(JSON.stringify({ series: [{ ...v1, ...fields }] })));
const readOneV2 = (fields: object) =>
  readSeriesV2(Buffer.from(JSON.stringify({ series: [{ ...v2, ...fields }] })));
const reasonOf = (read: Result<readonly SubmittedSeries[]>) => (read.ok ? "it was accepted" : read.reason);

describe("series as JSON", () => {
  it("are read from v1", () => {
    const read = readOneV1({ type: "rate", host: "owl", tags: ["zone:b", "zone:a"], interval: 10 });
    expect(read).toEqual({
      ok: true,
      value: [
        {
          metric: "engine.rpm",
          type: "rate",
          host: "owl",
          tags: ["zone:a", "zone:b"],
          points: [[1_700_000_000, 1.5]],
          interval: 10,
        },
      ],
    });
  });

  it("are read from v2 as the same", () => {
    const resources = [
      { type: "device", name: "sda" },
      { type: "host", name: "owl" },
    ];
    const read = readOneV2({ type: 2, resources, tags: ["zone:b", "zone:a"], interval: 10 });
    expect(read).toEqual(readOneV1({ type: "rate", host: "owl", tags: ["zone:b", "zone:a"], interval: 10 }));
  });

  it("are gauges of no host, tags and interval where nothing else is said", () => {
    const bare = { metric: "engine.rpm", type: "gauge", host: "", tags: [], points: [[1_700_000_000, 1.5]] };
    for (const read of [
      readOneV1({}),
      readOneV1({ type: "", host: null }),
      readOneV2({}),
      readOneV2({ type: 0 }),
    ]) {
      expect(read).toEqual({ ok: true, value: [bare] });
    }
  });

  it.each([
    ["a name without a letter", { metric: "42" }, /series\[0\] "42": metric should be a name with a letter/],
    ["no name", { metric: undefined }, /^series\[0\]: metric should be .* but is missing$/],
    ["an unknown type", { type: "set" }, /type should be count, gauge or rate, but is "set"/],
    ["a host that is no text", { host: 5 }, /host should be a name, but is 5/],
    ["tags as an object", { tags: { zone: "a" } }, /tags should be a list of "name:value", but is an object/],
    ["a tag that is no text", { tags: ["a:b", 5] }, /tags\[1\] should be a string, but is 5/],
    ["an empty tag", { tags: [""] }, /tags\[0\] should be a string, but is ""/],
    ["no points", { points: [] }, /points is empty/],
    ["points missing", { points: undefined }, /points should be a list of points, but is missing/],
    ["a point without a value", { points: [[1]] }, /points\[0\] should be a timestamp and a value/],
    [
      "a fraction of a second",
      { points: [[1.5, 1]] },
      /points\[0\]: timestamp should be whole seconds since 1970, but is 1.5/,
    ],
    [
      "a value that is null",
      {
        points: [
          [1, 1],
          [2, null],
        ],
      },
      /points\[1\]: value should be a finite number, but is null/,
    ],
    ["a fraction in the interval", { interval: 0.5 }, /interval should be whole seconds, but is 0.5/],
    ["an interval below 0", { interval: -10 }, /interval should be whole seconds, but is -10/],
  ])("are refused for %s", (_, fields, reason) => {
    expect(reasonOf(readOneV1(fields))).toMatch(reason);
  });

  it.each([
    ["a type as text", { type: "gauge" }, /type should be count, gauge or rate, but is /],
    ["an unknown type number", { type: 4 }, /type should be count, gauge or rate, but is 4/],
    ["a host that is no text", { resources: [{ type: "host", name: 5 }] }, /host should be a name/],
    ["a point as a pair", { points: [[1, 1]] }, /points\[0\] should be a timestamp and a value/],
    [
      "a point without a timestamp",
      { points: [{ value: 1 }] },
      /points\[0\]: timestamp should be .* but is missing/,
    ],
  ])("of v2 are refused for %s", (_, fields, reason) => {
    expect(reasonOf(readOneV2(fields))).toMatch(reason);
  });

  it.each([
    [
      "NaN, as Python's json writes it",
      '{"series":[{"metric":"a","points":[[1,NaN]]}]}',
      /the body is not JSON: /,
    ],
    [
      "a number too large to be finite",
      '{"series":[{"metric":"a","points":[[1,1e999]]}]}',
      /finite number, but is Infinity/,
    ],
    ["a list for a body", "[]", /the body should be/],
    ["no series", "{}", /the body should be/],
    ["an entry that is no object", '{"series":[null]}', /series\[0\] should be an object/],
    ["an empty body", "", /not JSON/],
  ])("are refused for %s", (_, body, reason) => {
    expect(reasonOf(readSeriesV1(Buffer.from(body)))).toMatch(reason);
    expect(readSeriesV2(Buffer.from(body)).ok).toBe(false);
  });

  it("may be none", () => {
    expect(readSeriesV1(Buffer.from('{"series":[]}'))).toEqual({ ok: true, value: [] });
  });
});
