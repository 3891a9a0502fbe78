import { describe, expect, it } from "vitest";
import type { MetricType } from "../raw-metric.js";
import { Metric } from "./metric-context.js";

const tagsOf = (suffix: string) => JSON.parse(`{${suffix.slice(1)}`).tags;

describe("the contexts of a metric", () => {
  it("are one for each tag set, whatever its order", () => {
    const metric = new Metric("count", "m", {});
    const context = metric.context({ b: "2", a: "1", c: '"' });
    expect(metric.context({ c: '"', a: "1", b: "2" })).toBe(context);
    expect(metric.context({ a: "1", b: "2" })).not.toBe(context);
    expect(metric.context({})).toBe(metric.context({}));
    expect(context.jsonSuffix).toBe(',"tags":{"a":"1","b":"2","c":"\\""}}');
    expect(metric.context({}).jsonSuffix).toBe(',"tags":{}}');
    expect([context.jsonLength, context.isOverflow]).toEqual([
      context.jsonPrefix.length + context.jsonSuffix.length,
      false,
    ]);
    expect([context.pending, context.metric, context.type]).toEqual([false, metric, "count"]);
  });

  it("of one call are its own", () => {
    const metric = new Metric("count", "m", {});
    const single = metric.singleContext({ a: "1" });
    expect(metric.context({ a: "1" })).not.toBe(single);
    expect(metric.singleContext({ a: "1" })).not.toBe(single);
    expect([single.jsonSuffix, single.isOverflow]).toEqual([',"tags":{"a":"1"}}', false]);
  });

  it("beyond a limit are one, with the tags of every record", () => {
    const metric = new Metric("count", "m", { env: "live" });
    const { overflowContext } = metric;
    expect(metric.overflowContext).toBe(overflowContext);
    expect([overflowContext.isOverflow, tagsOf(overflowContext.jsonSuffix)]).toEqual([
      true,
      { env: "live", overflow: "true" },
    ]);
    expect(metric.context({ env: "live", overflow: "true" })).not.toBe(overflowContext);
  });

  it("can be shared by metrics of one type and name", () => {
    const shared = new Map();
    const [one, other] = [new Metric("count", "m", {}, shared), new Metric("count", "m", { a: "b" }, shared)];
    expect(one.context({ a: "1" })).toBe(other.context({ a: "1" }));
    expect(shared.size).toBe(1);
  });

  it("that are neither used nor kept in a generation are forgotten at its end", () => {
    const metric = new Metric("count", "m", {});
    const [used, kept, unused] = ["used", "kept", "unused"].map((a) => metric.context({ a }));
    metric.beginGeneration();
    expect(metric.context({ a: "used" })).toBe(used);
    if (kept !== undefined) metric.keep(kept);
    metric.beginGeneration();
    expect([metric.context({ a: "used" }), metric.context({ a: "kept" })]).toEqual([used, kept]);
    expect(metric.context({ a: "used" })).toBe(used);
    expect(metric.context({ a: "kept" })).toBe(kept);
    expect(metric.context({ a: "unused" })).not.toBe(unused);
  });
});

it("records of one call have its type, those of several the type of their list", () => {
  const types: readonly (readonly [MetricType, string])[] = [
    ["count", "count"],
    ["gauge", "gauge"],
    ["set", "set"],
    ["histogram", "samples"],
    ["distribution", "sketch"],
  ];
  for (const [type, joined] of types) {
    const metric = new Metric(type, 'm"', {});
    expect(metric.jsonPrefix).toBe(`{"metric":"m\\"","type":"${type}","value":`);
    expect(metric.joinedPrefix).toBe(`{"metric":"m\\"","type":"${joined}","value":`);
  }
});
