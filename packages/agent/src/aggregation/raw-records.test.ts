import { decodeRawMetric, type ReceivedValue, seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { datadogWrapper } from "../wrappers/datadog-wrapper.js";
import { addRecord, newContext } from "./context.js";
import { rawRecords } from "./raw-records.js";

const START = seconds(1_000);
const WINDOW = seconds(10);

function recordsOfSet(elements: readonly (string | number | bigint)[]) {
  const set = newContext({ metric: "s", type: "set", tags: ["a:b"] });
  const series = { metric: "s", tags: ["a:b"], key: "", timestamp: START };
  addRecord(set, { ...series, type: "set", value: elements });
  const texts = rawRecords(set, START);
  const values = texts.flatMap((text) => {
    const decoded = decodeRawMetric(text);
    if (!decoded.ok || decoded.value.type !== "set") throw new Error(text.slice(0, 100));
    return [decoded.value.value];
  });
  return { texts, values };
}

describe("the raw records of a set", () => {
  it("are one if it is small, even with nothing in it", () => {
    expect(recordsOfSet(["a", 1]).values).toEqual([["a", 1]]);
    expect(recordsOfSet([]).values).toEqual([[]]);
  });

  it("have at most 1,000 elements each, and add up to it", () => {
    const elements = Array.from({ length: 2_500 }, (_, index) => 2n ** 60n + BigInt(index));
    const { values } = recordsOfSet(elements);
    expect(values.map(({ length }) => length)).toEqual([1_000, 1_000, 500]);
    expect(values.flat()).toEqual(elements);
  });

  it("are short enough to be read from a queue, unless one element isn't", () => {
    const elements = Array.from({ length: 90 }, (_, index) => `${index}`.padStart(20_000, "€"));
    elements.splice(40, 0, "x".repeat(900_000));
    const { texts, values } = recordsOfSet(elements);
    expect(Math.max(...texts.map((text) => Buffer.byteLength(text)))).toBeLessThan(2 * 1024 * 1024);
    expect(values.flat()).toEqual(elements);
    expect(values.length).toBeLessThan(8);
  });
});

describe("the raw records of numbers", () => {
  // JSON has no -0.
  const number = fc.double({ noNaN: true, min: -1e6, max: 1e6 }).map((value) => value + 0);
  const sample = fc.tuple(number, fc.integer({ min: 1, max: 5 }));
  const values = {
    count: number,
    gauge: number,
    rate: number,
    histogram: fc.oneof(number, fc.array(sample, { minLength: 1 })),
    distribution: number,
  };
  const wrap = datadogWrapper({
    histogramAggregates: ["max", "median", "sum", "count"],
    histogramPercentiles: [0.95],
  });
  const contextOf = (received: readonly ReceivedValue[]) => {
    const [first] = received;
    const context = newContext({ metric: "m", type: first?.type ?? "count", tags: ["a:b"] });
    const series = { metric: "m", tags: ["a:b"], key: "" };
    received.forEach((value, index) => {
      addRecord(context, { ...series, ...value, timestamp: seconds(1_000 + index) });
    });
    return context;
  };

  it.each(Object.entries(values))("of a %s add up to it", (type, value) => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 20 }), (all) => {
        const context = contextOf(all.map((one) => ({ type, value: one }) as ReceivedValue));
        const again = rawRecords(context, START).map((text) => {
          const decoded = decodeRawMetric(text);
          if (!decoded.ok) throw new Error(decoded.reason);
          return decoded.value;
        });
        expect(wrap(contextOf(again), START, WINDOW)).toEqual(wrap(context, START, WINDOW));
      }),
    );
  });
});
