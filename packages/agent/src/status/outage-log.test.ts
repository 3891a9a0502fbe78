import { seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import type { OutageReport } from "../runtime/outage.js";
import { OutageLog } from "./outage-log.js";

function report(count: number, lasting?: number): OutageReport {
  const current = lasting === undefined ? {} : { current: { reason: "down", seconds: seconds(lasting) } };
  return { component: "Datadog", state: "unavailable", count, ...current };
}

function logOf(...observed: readonly (readonly [at: number, report: OutageReport])[]) {
  const log = new OutageLog();
  for (const [at, seen] of observed) log.observe(seconds(at), [seen]);
  return log.outages().map(({ from, to }) => [from, to]);
}

describe("the log of outages", () => {
  it("has each from its beginning to its end, and the current one without an end", () => {
    expect(logOf([100, report(0)], [110, report(1, 3)], [120, report(1, 13)], [130, report(1)])).toEqual([
      [107, 130],
    ]);
    expect(logOf([100, report(1, 40)])).toEqual([[60, undefined]]);
  });

  it("has those that nobody saw, between the two looks", () => {
    expect(logOf([100, report(0)], [110, report(2)])).toEqual([[100, 110]]);
    expect(logOf([100, report(0)], [110, report(2, 1)])).toEqual([
      [100, 109],
      [109, undefined],
    ]);
  });

  it("ends one that another followed", () => {
    expect(logOf([100, report(1, 5)], [110, report(2, 2)])).toEqual([
      [95, 108],
      [108, undefined],
    ]);
  });

  it("isn't confused by a component that begins to count again after a reload", () => {
    expect(logOf([100, report(3)], [110, report(0)], [120, report(1, 2)])).toEqual([[118, undefined]]);
  });

  it("forgets the oldest", () => {
    const log = new OutageLog();
    for (let i = 0; i < 1_000; i++) log.observe(seconds(i * 10), [report(i)]);
    expect(log.outages().length).toBe(200);
    expect(log.outages().at(-1)?.to).toBe(9_990);
  });
});
