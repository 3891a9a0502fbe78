import { type Point, seconds } from "@chouette-iot/record";
import fc from "fast-check";
import protobuf from "protobufjs";
import { describe, expect, it } from "vitest";
import { readMetricPayload } from "../intake/metric-payload.js";
import type { Series } from "./series.js";
import { encodeMetricPayload } from "./series-protobuf.js";

/** The message as Datadog documents it, for a reader that is not ours. */
const MetricPayload = protobuf
  .parse(`
    syntax = "proto3";
    message MetricPayload {
      enum MetricType { UNSPECIFIED = 0; COUNT = 1; RATE = 2; GAUGE = 3; }
      message Resource { string type = 1; string name = 2; }
      message MetricPoint { double value = 1; int64 timestamp = 2; }
      message MetricSeries {
        repeated Resource resources = 1;
        string metric = 2;
        repeated string tags = 3;
        repeated MetricPoint points = 4;
        MetricType type = 5;
        int64 interval = 8;
      }
      repeated MetricSeries series = 1;
    }`)
  .root.lookupType("MetricPayload");

const point = fc
  .tuple(fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), fc.double({ noNaN: true, noDefaultInfinity: true }))
  .map(([at, value]): Point => [seconds(at), value]);

const anySeries: fc.Arbitrary<Series> = fc.record(
  {
    metric: fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.]{0,199}$/),
    type: fc.constantFrom("count", "rate", "gauge"),
    tags: fc.array(fc.string({ minLength: 1, maxLength: 300, unit: "grapheme" })).map((tags) => tags.sort()),
    points: fc.array(point, { minLength: 1 }),
    interval: fc.integer({ min: 1, max: 2 ** 40 }).map(seconds),
  },
  { requiredKeys: ["metric", "type", "tags", "points"] },
);
const anyBatch = fc.array(anySeries, { maxLength: 30 });

describe("a metric payload", () => {
  it("comes back from the intake's reader as it was written", () => {
    fc.assert(
      fc.property(anyBatch, fc.string({ unit: "grapheme" }), (batch, host) => {
        const expected = batch.map((series) => ({ ...series, host }));
        expect(readMetricPayload(encodeMetricPayload(batch, host))).toEqual({ ok: true, value: expected });
      }),
    );
  });

  it("is read by protobufjs as it was written", () => {
    fc.assert(
      fc.property(anyBatch, (batch) => {
        const message = MetricPayload.decode(encodeMetricPayload(batch, "owl"));
        const { series } = MetricPayload.toObject(message, {
          longs: Number,
          enums: String,
          arrays: true,
          defaults: true,
        });
        expect(series ?? []).toEqual(
          batch.map(({ metric, type, tags, points, interval = 0 }) => ({
            resources: [{ type: "host", name: "owl" }],
            metric,
            type: type.toUpperCase(),
            tags,
            points: points.map(([timestamp, value]) => ({ timestamp, value })),
            interval,
          })),
        );
      }),
    );
  });

  it("holds numbers on both sides of every length that they can be written in", () => {
    const borders = [7, 14, 21, 28, 31, 32, 35, 42, 49].flatMap((bits) => [2 ** bits - 1, 2 ** bits]);
    const points = [...borders, -1, ...borders.map((border) => -border)].map((at): Point => [seconds(at), 1]);
    const series: Series = { metric: "a", type: "gauge", tags: [], points };
    const read = readMetricPayload(encodeMetricPayload([series], ""));
    expect(read.ok && read.value[0]?.points).toEqual(points);
  });

  it.each(["a", "ü"])("holds a text far longer than what came before it: of %s", (letter) => {
    const tag = letter.repeat(1_000_000);
    const series: Series = { metric: "a", type: "gauge", tags: [tag], points: [[seconds(1), 1]] };
    const read = readMetricPayload(encodeMetricPayload([series], ""));
    expect(read.ok && read.value[0]?.tags[0] === tag).toBe(true);
  });

  it("has as many bytes as protobufjs takes, but for values of 0, which it leaves out", () => {
    const batch: Series[] = [
      { metric: "engine.rpm", type: "gauge", tags: ["zone:a"], points: [[seconds(1_700_000_000), 1.5]] },
      { metric: "a", type: "count", tags: [], points: [[seconds(5_000_000_000), -2]], interval: seconds(10) },
    ];
    const theirs = MetricPayload.encode({
      series: batch.map(({ metric, type, tags, points, interval }) => ({
        resources: [{ type: "host", name: "owl" }],
        metric,
        tags,
        points: points.map(([timestamp, value]) => ({ timestamp, value })),
        type: { count: 1, rate: 2, gauge: 3 }[type],
        ...(interval === undefined ? {} : { interval }),
      })),
    }).finish();
    expect(encodeMetricPayload(batch, "owl")).toHaveLength(theirs.length);
  });

  it("leaves out a value of 0, but keeps -0", () => {
    const series = (value: number): Series => ({
      metric: "a",
      type: "gauge",
      tags: [],
      points: [[seconds(1), value]],
    });
    expect(encodeMetricPayload([series(-0)], "").length - encodeMetricPayload([series(0)], "").length).toBe(
      9,
    );
  });

  it("floors a fraction of a second", () => {
    const series: Series = { metric: "a", type: "gauge", tags: [], points: [[seconds(1_700_000_000.9), 1]] };
    const read = readMetricPayload(encodeMetricPayload([series], ""));
    expect(read.ok && read.value[0]?.points).toEqual([[1_700_000_000, 1]]);
  });

  it("names no host where there is none", () => {
    const series: Series = { metric: "a", type: "gauge", tags: [], points: [[seconds(1), 1]] };
    const message = MetricPayload.decode(encodeMetricPayload([series], ""));
    expect(MetricPayload.toObject(message, { arrays: true }).series[0].resources).toEqual([]);
  });
});
