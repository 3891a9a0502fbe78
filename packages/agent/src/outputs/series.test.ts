import { type ReadyMetric, seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { groupSeries } from "./series.js";

const at = (second: number, value: number) => [seconds(second), value] as const;
const count = (metric: string, tags: readonly string[], ...points: ReadyMetric["points"]): ReadyMetric => ({
  ...{ metric, type: "count", tags, points, interval: seconds(10) },
});

describe("the series of a batch", () => {
  it("have the points of what Datadog takes for one series together, in order", () => {
    const batch = [
      count("my_app.requests", ["env:prod"], at(20, 1)),
      count("my-app.requests", ["Env:PROD"], at(10, 2)),
      count("my_app.requests", ["env:prod", "Env:prod"], at(30, 3), at(40, 4)),
    ];
    expect(groupSeries(batch)).toEqual([
      count("my_app.requests", ["env:prod"], at(10, 2), at(20, 1), at(30, 3), at(40, 4)),
    ]);
  });

  it("keep the later of two values of one second, as the intake does", () => {
    const batch = [count("m", ["a:b"], at(10, 1)), count("m", ["A:B"], at(10, 2))];
    expect(groupSeries(batch)).toEqual([count("m", ["a:b"], at(10, 2))]);
  });

  it("are told apart by name, tags, type and interval", () => {
    const gauge: ReadyMetric = { metric: "m", type: "gauge", tags: [], points: [at(10, 1)] };
    const batch = [
      gauge,
      { ...gauge, type: "rate", interval: seconds(10) } as const,
      count("m", [], at(10, 1)),
      { ...count("m", [], at(10, 1)), interval: seconds(60) },
      count("m", ["a"], at(10, 1)),
      count("n", [], at(10, 1)),
    ];
    expect(groupSeries(batch)).toEqual(batch);
  });

  it("leave a name without a letter to the intake, which refuses it", () => {
    const batch = [count("42", [], at(10, 1)), count("43", [], at(10, 1))];
    expect(groupSeries(batch)).toEqual(batch);
  });
});
