import { type Point, seconds } from "@chouette-iot/record";
import fc from "fast-check";
import protobuf from "protobufjs";
import { describe, expect, it } from "vitest";
import { readSeriesV3 } from "../intake/series-v3-payload.js";
import type { Series } from "./series.js";
import { encodeSeriesV3, SeriesWriter } from "./series-v3.js";

/** The message as Datadog's agent-payload has it, for a reader that is not ours. */
const MetricData = protobuf
  .parse(`
    syntax = "proto3";
    message Payload { Metadata metadata = 2; MetricData metricData = 3; }
    message Metadata { repeated string tags = 1; repeated string resources = 2; }
    message MetricData {
      bytes dictNameStr = 1; bytes dictTagStr = 2; repeated sint64 dictTagsets = 3; bytes dictResourceStr = 4;
      repeated int64 dictResourceLen = 5; repeated sint64 dictResourceType = 6; repeated sint64 dictResourceName = 7;
      bytes dictSourceTypeName = 8; repeated int32 dictOriginInfo = 9; repeated uint64 types = 10;
      repeated sint64 nameRefs = 11; repeated sint64 tagsetRefs = 12; repeated sint64 resourcesRefs = 13;
      repeated uint64 intervals = 14; repeated uint64 numPoints = 15; repeated sint64 timestamps = 16;
      repeated sint64 valsSint64 = 17; repeated float valsFloat32 = 18; repeated double valsFloat64 = 19;
      repeated sint64 sourceTypeNameRefs = 23; repeated sint64 originInfoRefs = 24;
    }`)
  .root.lookupType("Payload");

/** The body with these columns. A dictionary is a list of texts, each with its length. */
function bodyOf(columns: Readonly<Record<string, readonly number[] | Uint8Array>>): Buffer {
  return Buffer.from(MetricData.encode(MetricData.fromObject({ metricData: columns })).finish());
}

function dictionary(...texts: readonly string[]): Uint8Array {
  const writer = new protobuf.Writer();
  for (const text of texts) writer.string(text);
  return writer.finish();
}

/** Series with the first name, and these references to a tag set and a resource; each of one point. */
function columnsOf(count: number, references: { readonly tagSet?: number; readonly resource?: number } = {}) {
  const zeros = Array.from({ length: count }, () => 0);
  const first = (reference: number) => zeros.map((_, index) => (index === 0 ? reference : 0));
  return {
    dictNameStr: dictionary("a"),
    types: zeros.map(() => 3),
    nameRefs: first(1),
    tagsetRefs: first(references.tagSet ?? 0),
    resourcesRefs: first(references.resource ?? 0),
    intervals: zeros,
    numPoints: zeros.map(() => 1),
    timestamps: first(AT),
  };
}

/** The Datadog Agent's own test: what it makes of the four series below. */
const GOLDEN =
  "1aca010a1c06736572696531067365726965320673657269653306736572696534121003666f6f03626172036f6f6b0365656b1a07" +
  "04020206010802222104686f73740c746573742e6578616d706c650664657669636507737769746368312a02010232030202043a03" +
  "04040442040373746e4a090a00000a0a000a0b1c520683021313b3025a04020202026204000400036a04000002027204000000007a" +
  "0401010101820108c2b8ad8b0d0000008a010204069a01081f85eb51b81e0940ba010400000200c2010402000202";
const AT = seconds(1_756_737_057);
const gauge = (metric: string, value: number) =>
  ({ metric, type: "gauge", tags: [], points: [[AT, value]] }) as const;
const HOST = ["host", "test.example"] as const;

const point = fc
  .tuple(
    fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
    fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.float({ noNaN: true, noDefaultInfinity: true }),
      fc.integer(),
      fc.constantFrom(0, -0, 2 ** 24, 2 ** 24 + 1, -(2 ** 48), 2 ** 48 - 1, 2 ** 48, -(2 ** 48) - 2),
    ),
  )
  .map(([at, value]): Point => [seconds(at), value]);
const anySeries: fc.Arbitrary<Series> = fc.record(
  {
    metric: fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.]{0,60}$/),
    type: fc.constantFrom("count", "rate", "gauge"),
    tags: fc
      .uniqueArray(fc.string({ minLength: 1, maxLength: 40, unit: "grapheme" }))
      .map((tags) => tags.sort()),
    points: fc.array(point, { minLength: 1 }),
    interval: fc.integer({ min: 1, max: 2 ** 40 }).map(seconds),
  },
  { requiredKeys: ["metric", "type", "tags", "points"] },
);
const anyBatch = fc.array(anySeries, { maxLength: 8 });

describe("series v3", () => {
  it("is, byte by byte, what the Datadog Agent makes of its own example", () => {
    const writer = new SeriesWriter();
    const tags = { tags: ["ook", "eek"], sharedTags: ["foo", "bar"] };
    writer.add({ ...gauge("serie1", 0), resources: [], origin: [10, 0, 0], isIndexed: false });
    writer.add({ ...gauge("serie2", 2), ...tags, resources: [], origin: [10, 0, 0] });
    writer.add({ ...gauge("serie3", 3), ...tags, resources: [HOST], sourceType: "stn", origin: [10, 10, 0] });
    writer.add({
      ...gauge("serie4", 3.14),
      resources: [HOST, ["device", "switch1"]],
      sourceType: "stn",
      origin: [10, 11, 28],
      isIndexed: false,
    });
    expect(writer.finish().toString("hex")).toBe(GOLDEN);
  });

  it("is read by the stand-in as the Datadog Agent wrote it", () => {
    const tags = ["bar", "eek", "foo", "ook"];
    expect(readSeriesV3(Buffer.from(GOLDEN, "hex"))).toEqual({
      ok: true,
      value: [
        { ...gauge("serie1", 0), host: "" },
        { ...gauge("serie2", 2), host: "", tags },
        { ...gauge("serie3", 3), host: "test.example", tags },
        { ...gauge("serie4", 3.14), host: "test.example" },
      ],
    });
  });

  it("comes back from the intake's reader as it was written", () => {
    fc.assert(
      fc.property(anyBatch, fc.string({ unit: "grapheme" }), (batch, host) => {
        const expected = batch.map((series) => ({ ...series, host, tags: [...series.tags].sort() }));
        expect(readSeriesV3(encodeSeriesV3(batch, host))).toEqual({ ok: true, value: expected });
      }),
    );
  });

  it("is read by protobufjs as it was written", () => {
    fc.assert(
      fc.property(anyBatch, (batch) => {
        const message = MetricData.decode(encodeSeriesV3(batch, "owl"));
        // Written by it again, every field is the same: none was unknown to it or read otherwise.
        expect(Buffer.from(MetricData.encode(message).finish())).toEqual(encodeSeriesV3(batch, "owl"));
        const { metricData = {} } = MetricData.toObject(message, { longs: Number, arrays: true });
        const { timestamps = [], numPoints = [] } = metricData as Record<string, number[]>;
        let at = 0;
        const times = timestamps.map((difference) => (at += difference));
        expect(numPoints).toEqual(batch.map(({ points }) => points.length));
        expect(times).toEqual(batch.flatMap(({ points }) => points.map(([time]) => time)));
      }),
    );
  });

  it.each<[string, readonly number[], number]>([
    ["only zeros, which take nothing", [0, 0], 0x00],
    ["whole numbers", [0, 5, -7], 0x10],
    ["large whole numbers", [2 ** 47, 1], 0x10],
    ["numbers that 32 bits hold", [0.5, 2 ** 24], 0x20],
    ["a large whole number beside one of these", [0.5, 2 ** 24 + 1], 0x30],
    ["numbers that need 64 bits", [0.1], 0x30],
    ["a zero with a sign", [-0], 0x20],
  ])("writes %s in the shortest way", (_, values, expected) => {
    const points = values.map((value, index): Point => [seconds(index), value]);
    const body = encodeSeriesV3([{ metric: "a", type: "gauge", tags: [], points }], "");
    const { metricData } = MetricData.toObject(MetricData.decode(body), { longs: Number });
    expect(metricData.types).toEqual([expected | 3]);
  });

  it("keeps a time beyond what a number counts exactly from moving others", () => {
    const far = seconds(2 ** 62);
    const points: Point[] = [1_700_000_001, far, 1_700_000_003].map((at) => [seconds(at), 1]);
    const body = encodeSeriesV3([{ metric: "a", type: "gauge", tags: [], points }], "");
    const { metricData } = MetricData.toObject(MetricData.decode(body), { longs: String });
    let at = 0n;
    const times = metricData.timestamps.map((difference: string) => {
      at = BigInt.asIntN(64, at + BigInt(difference));
      return at;
    });
    expect(times).toEqual([1_700_000_001n, 2n ** 62n, 1_700_000_003n]);
  });
});

describe("the stand-in's reader", () => {
  const LONG = "a".repeat(100_000);
  /** Set 1 has one tag, and each further set twice the one before. */
  const doubled = (sets: number) => [
    ...[1, 1],
    ...Array.from({ length: sets }, (_, index) => [2, -index - 1, 0]).flat(),
  ];

  it("reads a body of 125,000 series", () => {
    const found = readSeriesV3(bodyOf(columnsOf(125_000)));
    expect(found.ok && found.value.length).toBe(125_000);
  });

  it.each<[string, RegExp, Readonly<Record<string, readonly number[] | Uint8Array>>]>([
    ["a number of points", /too few timestamps/, { ...columnsOf(1), numPoints: [2 ** 40] }],
    [
      "tag sets that contain each other",
      /over \d+ characters/,
      { ...columnsOf(1), dictTagStr: dictionary("a".repeat(1_000)), dictTagsets: doubled(15) },
    ],
    [
      "a tag of all series",
      /over \d+ characters/,
      { ...columnsOf(400, { tagSet: 1 }), dictTagStr: dictionary(LONG), dictTagsets: [1, 1] },
    ],
    ["a name of all series", /over \d+ characters/, { ...columnsOf(400), dictNameStr: dictionary(LONG) }],
    [
      "a host of all series",
      /over \d+ characters/,
      {
        ...columnsOf(400, { resource: 1 }),
        ...{ dictResourceStr: dictionary("host", LONG), dictResourceLen: [1] },
        ...{ dictResourceType: [1], dictResourceName: [2] },
      },
    ],
    [
      "resources that are counted back and forth",
      /a set of -1 resources/,
      {
        ...columnsOf(1),
        ...{ dictResourceStr: dictionary("host", "owl"), dictResourceLen: [1, -1, 1] },
        ...{ dictResourceType: [1], dictResourceName: [2] },
      },
    ],
  ])("refuses a short body that asks for much memory: %s", (_, reason, columns) => {
    expect(readSeriesV3(bodyOf(columns))).toEqual({ ok: false, reason: expect.stringMatching(reason) });
  });

  it("refuses a second MetricData", () => {
    const body = bodyOf(columnsOf(1));
    expect(readSeriesV3(body)).toMatchObject({ ok: true });
    expect(readSeriesV3(Buffer.concat([body, body]))).toMatchObject({ ok: false });
  });
});
