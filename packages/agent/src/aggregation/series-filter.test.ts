/** What METRICS_ALLOW, METRICS_BLOCK and TAGS_BLOCK keep out, and that it is counted. */
import { queueNames } from "@chouette-iot/queue";
import { describe, expect, it } from "vitest";
import { setUpFlush } from "../../../../tests/support/flushing.js";
import { type FilterPatterns, seriesFilter } from "./series-filter.js";

const filterOf = (patterns: Partial<FilterPatterns>) =>
  seriesFilter({ metricsAllow: [], metricsBlock: [], tagsBlock: [], ...patterns });
const count = (metric: string, tags: Readonly<Record<string, string>> = {}) => ({
  ...{ metric, type: "count", value: 1, timestamp: 1000, tags },
});

describe("a filter", () => {
  it.each<[Partial<FilterPatterns>, readonly string[], readonly string[]]>([
    [{ metricsBlock: ["*.debug.*"] }, ["app.debug", "app.debugged.x"], ["app.debug.x", "a.debug."]],
    [{ metricsAllow: ["app.*", "exact"] }, ["app.x", "exact"], ["application", "exactly", "other.app.x"]],
    [{ metricsAllow: ["app.*"], metricsBlock: ["app.secret"] }, ["app.x"], ["app.secret", "b"]],
    // As the program writes it, and as Datadog stores it.
    [{ metricsBlock: ["my-app.*"] }, ["myxapp.a"], ["my_app.a"]],
    // A dot is a dot, and no sign has another meaning.
    [{ metricsBlock: ["a.b", "c|d", "e+"] }, ["axb", "c", "d", "ee"], ["a.b", "c_d", "e_"]],
  ])("of %j keeps %j and not %j", (patterns, kept, blocked) => {
    const { keepsMetric } = filterOf(patterns);
    expect(kept.map((metric) => keepsMetric?.(metric))).toEqual(kept.map(() => true));
    expect(blocked.map((metric) => keepsMetric?.(metric))).toEqual(blocked.map(() => false));
  });

  it("without patterns costs no look at a record", () => {
    expect(filterOf({})).toEqual({ keepsMetric: undefined, keepsTag: undefined });
  });
});

describe("the flush", () => {
  const rawMetrics = queueNames().rawMetrics;

  it("counts the records of a blocked metric as filtered, and aggregates the others", async () => {
    const { put, flushAt, ready, rejected, store } = setUpFlush({
      filter: filterOf({ metricsBlock: ["*.debug"] }),
    });
    for (const metric of ["a", "a.debug", "b.debug", "a"]) await put(count(metric));
    expect(await flushAt(1020)).toEqual({ aggregated: 2, ready: 1, rejected: 0, expired: 0, filtered: 2 });
    expect((await ready()).map(({ metric, points }) => [metric, points])).toEqual([["a", [[1000, 2]]]]);
    expect(await rejected()).toEqual([]);
    expect(await store.size(rawMetrics)).toBe(0);
    expect(Object.fromEntries(await store.counters())).toMatchObject({
      [`${rawMetrics}:aggregated`]: 2,
      [`${rawMetrics}:filtered`]: 2,
    });
  });

  it("adds up series that differ in a blocked tag alone, whatever case it is written in", async () => {
    const filter = filterOf({ tagsBlock: ["Request_*", "alone"] });
    const { put, flushAt, ready } = setUpFlush({ filter, globalTags: ["request_zone:a"] });
    for (const id of ["1", "2"]) await put(count("a", { REQUEST_ID: id, route: "r" }));
    await put(count("a", { route: "r", alone: "" }));
    await flushAt(1020);
    // A global tag is the operator's own.
    expect((await ready()).map(({ tags, points }) => [tags, points])).toEqual([
      [["request_zone:a", "route:r"], [[1000, 3]]],
    ]);
  });
});
