import { describe, expect, it } from "vitest";
import { bytes, measure, number, numberOf, time } from "./format.js";

describe("figures", () => {
  it("keep every digit if they are exact", () => {
    expect([0, 999, 1_000, 1_234_567].map(number)).toEqual(["0", "999", "1,000", "1,234,567"]);
    expect(number(Number.NaN)).toBe("unknown");
  });

  it("have a noun in the singular or plural", () => {
    expect([0, 1, 1_204].map((value) => numberOf(value, "record"))).toEqual([
      ...["0 records", "1 record", "1,204 records"],
    ]);
  });

  it("have three digits if they are measured", () => {
    expect([0, 0.12345, 12.5, 99.99, 100.4, 1e6].map(measure)).toEqual([
      ...["0", "0.123", "12.5", "100", "100", "1,000,000"],
    ]);
  });

  it("of bytes change their unit where they round to the next", () => {
    expect([0, 999, 1_000, 999_499, 999_999, 1.5e9].map(bytes)).toEqual([
      ...["0 B", "999 B", "1 kB", "999 kB", "1 MB", "1.5 GB"],
    ]);
  });

  it("of time may be anything that a record has", () => {
    expect(time(1e300).markup).toBe("<span>unknown time</span>");
    expect(time(0).markup).toBe('<time datetime="1970-01-01T00:00:00.000Z">1970-01-01 00:00:00 UTC</time>');
  });
});
