import { type Point, seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inflate } from "../intake/inflate.js";
import { readMetricPayload } from "../intake/metric-payload.js";
import { readSeriesV1, readSeriesV2 } from "../intake/read-series-json.js";
import { readSeriesV3 } from "../intake/series-v3-payload.js";
import { compress } from "./compression.js";
import type { Series } from "./series.js";
import { type SeriesVersion, seriesBodies } from "./series-bodies.js";
import { type Endpoint, type PlainBody, smallestBody } from "./smallest-body.js";

const HOST = "owl";
const START = 1_795_305_630;

const point = fc
  .tuple(
    fc.integer({ min: 0, max: 2 ** 40 }),
    // JSON has no -0.
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  )
  .map(([at, value]): Point => [seconds(at), value]);

const anySeries: fc.Arbitrary<Series> = fc.record(
  {
    metric: fc.stringMatching(/^[a-z][a-z0-9_.]{0,30}$/),
    type: fc.constantFrom("count", "rate", "gauge"),
    tags: fc
      .array(fc.string({ minLength: 1, maxLength: 30, unit: "grapheme" }), { maxLength: 4 })
      .map((tags) => tags.sort()),
    points: fc.array(point, { minLength: 1, maxLength: 8 }),
    interval: fc.integer({ min: 1, max: 3600 }).map(seconds),
  },
  { requiredKeys: ["metric", "type", "tags", "points"] },
);

const host48: readonly Series[] = Array.from({ length: 24 }, (_, index) => ({
  metric: `chouette.host.part${index}`,
  type: "gauge",
  tags: [],
  points: [
    [seconds(START), index / 10],
    [seconds(START + 30), (index * 7) / 10],
  ],
}));
/** Evenly spread between -1 and 1, the same in each run. */
const draw = (index: number): number => (Math.sin(index * 12.9898) * 43758.5453) % 1;
const noise = (length: number): readonly Series[] =>
  Array.from({ length }, (_, unit) => ({
    metric: "sensor.reading",
    type: "gauge",
    tags: [`unit:${unit}`],
    points: Array.from({ length: 6 }, (_, at): Point => [seconds(START + 10 * at), draw(6 * unit + at)]),
  }));
/** Each is counted in every tenth window or so. */
const counters: readonly Series[] = Array.from({ length: 400 }, (_, counter) => ({
  metric: "api.requests",
  type: "count",
  tags: [`route:/api/v1/resource${counter >> 3}`, `status:${200 + (counter & 7)}`],
  points: Array.from({ length: 60 }, (_, at): Point => [seconds(START + 10 * at), 1 + (at % 3)]).filter(
    (_, at) => at === 0 || Math.abs(draw(60 * counter + at)) < 0.1,
  ),
  interval: seconds(10),
}));

function bodies(series: readonly Series[], seriesVersion: SeriesVersion = "v2", precision?: number) {
  return seriesBodies(series, { host: HOST, apiUrl: "https://owl/api", seriesVersion, precision });
}

function read({ endpoint, contentType }: Pick<PlainBody, "endpoint" | "contentType">, bytes: Uint8Array) {
  const readers: Readonly<Record<string, typeof readSeriesV1>> = {
    "https://owl/api/v1/series application/json": readSeriesV1,
    "https://owl/api/v2/series application/json": readSeriesV2,
    "https://owl/api/v2/series application/x-protobuf": readMetricPayload,
    "https://owl/api/intake/metrics/v3/series application/x-protobuf": readSeriesV3,
  };
  const found = readers[`${endpoint.url} ${contentType}`]?.(Buffer.from(bytes));
  if (found === undefined) throw new Error(`no reader for ${endpoint.url} ${contentType}`);
  return found;
}

/** Whatever order they came in. */
function asSent(series: readonly Series[]) {
  return series.map((one) => JSON.stringify({ ...one, host: HOST }, Object.keys(FIELDS))).sort();
}
const FIELDS = { metric: 0, type: 0, host: 0, tags: 0, points: 0, interval: 0 };

describe("the bodies of a batch of series", () => {
  it.each(["v1", "v2", "v3"] as const)("hold the same points in every format of %s", (version) => {
    fc.assert(
      fc.property(fc.array(anySeries, { maxLength: 20 }), (batch) => {
        for (const body of bodies(batch, version)) {
          const found = read(body, body.bytes);
          expect(found.ok && asSent(found.value)).toEqual(asSent(batch));
        }
      }),
    );
  });

  it.each([
    ["v1", host48, ["/v1/series"]],
    ["v1", counters, ["/v1/series"]],
    ["v2", host48, ["/v2/series", "/v2/series"]],
    ["v2", counters, ["/v2/series"]],
    ["v3", host48, ["/intake/metrics/v3/series", "/v2/series", "/v2/series"]],
    ["v3", counters, ["/intake/metrics/v3/series", "/v2/series"]],
  ] as const)("are made in each format of %s that suits the size of the batch", (seriesVersion, series, paths) => {
    const bodies = seriesBodies(series, { host: HOST, apiUrl: "", seriesVersion, precision: undefined });
    expect(bodies.map(({ endpoint }) => endpoint.url)).toEqual(paths);
  });

  it.each([1, 6, 15])("hold what %i digits tell in every format", (precision) => {
    fc.assert(
      fc.property(fc.double({ min: 1e-9, max: 1e12, noNaN: true }), (value) => {
        const gauge: Series = { metric: "a", type: "gauge", tags: [], points: [[seconds(1), value]] };
        for (const body of bodies([gauge], "v3", precision)) {
          const found = read(body, body.bytes);
          const arrived = found.ok ? found.value[0]?.points[0]?.[1] : undefined;
          expect(Math.abs((arrived ?? Number.NaN) - value)).toBeLessThanOrEqual(
            value * (10 ** -precision / 2 + Number.EPSILON),
          );
        }
      }),
    );
  });
});

describe("the smallest body", () => {
  it("is decoded by the intake to the same points, whichever it is", async () => {
    const batches = fc.oneof(
      fc.array(anySeries, { minLength: 1, maxLength: 20 }),
      fc.constantFrom(host48, noise(100), noise(3_000), counters),
    );
    await fc.assert(
      fc.asyncProperty(batches, async (batch) => {
        const body = await smallestBody(bodies(batch, "v3"));
        const inflated = await inflate(Buffer.from(body.bytes), body.encoding, 5_242_880);
        const found = inflated.outcome === "inflated" ? read(body, inflated.bytes) : undefined;
        expect(found?.ok && asSent(found.value)).toEqual(asSent(batch));
      }),
      { numRuns: 25 },
    );
  });

  it("is never larger than any way to write a small one", async () => {
    const chosen = new Set<string>();
    const batches = [host48, host48.slice(0, 1), noise(20), counters.slice(0, 50), counters.slice(0, 100)];
    for (const formats of batches.map((batch) => bodies(batch, "v3"))) {
      const body = await smallestBody(formats);
      chosen.add(`${body.endpoint.url} ${body.contentType} ${body.encoding}`);
      const sizes: number[] = [];
      for (const { bytes, endpoint } of formats) {
        for (const encoding of endpoint.encodings) sizes.push((await compress(bytes, encoding)).bytes.length);
      }
      expect(body.bytes).toHaveLength(Math.min(...sizes));
    }
    // The batches are such that one way alone would not do.
    expect(chosen.size).toBeGreaterThan(1);
  });

  it("is in the first format, by the first encoding, where it is large", async () => {
    const formats = bodies(noise(3_000));
    expect(formats).toHaveLength(1);
    const body = await smallestBody(formats);
    expect([body.contentType, body.encoding]).toEqual(["application/x-protobuf", "zstd"]);
  });

  it("is never larger by v3 than by v2, large batches included, whether it is noise or not", async () => {
    for (const batch of [noise(1_500), counters, host48]) {
      const byV2 = await smallestBody(bodies(batch, "v2"));
      const byV3 = await smallestBody(bodies(batch, "v3"));
      expect(byV3.bytes.length).toBeLessThanOrEqual(byV2.bytes.length);
    }
  });

  it("is compressed by no other encoding than those of the endpoint", async () => {
    const endpoint: Endpoint = { url: "", encodings: ["deflate"], maxSentBytes: 1e6, maxInflatedBytes: 1e6 };
    const text: PlainBody = { endpoint, contentType: "text/plain", bytes: Buffer.alloc(100_000, "abc") };
    expect((await smallestBody([text])).encoding).toBe("deflate");
  });
});
