import { queueNames } from "@chouette-iot/queue";
import { expect, it } from "vitest";
import { CardinalityMeter } from "./cardinality.js";

const LIMIT = 20_000;

it("the meter of cardinality remembers no metric without a series, so that new names end with the limit", () => {
  const meter = new CardinalityMeter();
  const add = (metric: string, values: number) => {
    const tags = Array.from({ length: values }, (_, n) => `tag:${n}`);
    const value = JSON.stringify({ metric, type: "count", interval: 1, points: [[1, 1]], tags });
    meter.add([{ queue: queueNames().readyMetrics, id: metric, value }]);
  };
  const use = () => {
    const { metrics, isComplete } = meter.use();
    return [[...metrics.keys()], isComplete];
  };
  // Each value is a text, and so is each series.
  add("first", LIMIT - 2);
  add("second", 0);
  expect(use()).toEqual([["first", "second"], true]);
  add("third", 0);
  expect(use()).toEqual([["first", "second"], false]);
});
