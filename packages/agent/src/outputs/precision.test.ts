import { seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { binaryRounding, decimalRounding, roundSeries } from "./precision.js";
import type { Series } from "./series.js";

const digits = fc.integer({ min: 1, max: 15 });
const normal = fc
  .double({ noNaN: true, noDefaultInfinity: true })
  .filter((value) => Math.abs(value) > 1e-290 || value === 0);

describe.each([
  ["binary", binaryRounding],
  ["decimal", decimalRounding],
] as const)("rounding to significant digits in %s", (_, rounding) => {
  it("is off by half a unit of the last digit at most", () => {
    fc.assert(
      fc.property(digits, normal, (count, value) => {
        const error = Math.abs(rounding(count)(value) - value);
        expect(error).toBeLessThanOrEqual(Math.abs(value) * (10 ** -count * 0.5 + Number.EPSILON));
      }),
    );
  });

  it("changes nothing when it is done again, and keeps signs, zeros and the largest numbers", () => {
    fc.assert(
      fc.property(digits, fc.double({ noNaN: true }), (count, value) => {
        const round = rounding(count);
        expect(round(round(value))).toBe(round(value));
        expect(Number.isFinite(round(value))).toBe(Number.isFinite(value));
        expect(round(-value)).toBe(-round(value));
      }),
    );
  });

  it("leaves whole numbers of fewer digits as they are", () => {
    fc.assert(
      fc.property(fc.integer({ min: -999_999, max: 999_999 }), (value) => {
        expect(rounding(6)(value)).toBe(value);
      }),
    );
  });
});

describe("rounding to six digits", () => {
  it("clears the last four bytes of a double", () => {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(binaryRounding(6)(123.456789));
    expect(bytes.readUInt32LE(0)).toBe(0);
  });

  it("leaves seven digits of a text", () => {
    expect(decimalRounding(6)(123.456789)).toBe(123.4568);
    expect(decimalRounding(6)(4_080_218_112)).toBe(4_080_218_000);
  });

  it("is for gauges and rates, never for counts", () => {
    const series = (type: Series["type"]): Series => ({
      metric: "a",
      type,
      tags: [],
      points: [[seconds(1), 1.23456789]],
    });
    const round = binaryRounding(2);
    expect(roundSeries(series("count"), round)).toEqual(series("count"));
    for (const type of ["gauge", "rate"] as const)
      expect(roundSeries(series(type), round).points[0]?.[1]).not.toBe(1.23456789);
  });
});
