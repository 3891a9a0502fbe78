import { type Milliseconds, milliseconds, type ReadyType, seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KeptPoints } from "./kept-points.js";
import type { SubmittedSeries } from "./submitted-series.js";

const NOW = milliseconds(1_700_000_000_000);
const gauge = (at: number, value: number, fields: Partial<SubmittedSeries> = {}): SubmittedSeries => ({
  metric: "engine.rpm",
  type: "gauge",
  host: "owl",
  tags: ["zone:a"],
  points: [[seconds(at), value]],
  ...fields,
});

function keptOf(submitted: readonly SubmittedSeries[], limit = 1000, now: Milliseconds = NOW): KeptPoints {
  const kept = new KeptPoints(limit);
  for (const series of submitted) kept.add(series, now);
  return kept;
}

describe("the points kept", () => {
  it("are the last of each metric, host, tags and second, in order of arrival", () => {
    const series = fc.record({
      metric: fc.constantFrom("a", "b"),
      type: fc.constantFrom<ReadyType>("count", "gauge"),
      host: fc.constantFrom("", "owl"),
      tags: fc.constantFrom([], ["x"], ["x", "y"], ["xy"]),
      points: fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }).map(seconds), fc.integer()), { minLength: 1 }),
    });
    fc.assert(
      fc.property(fc.array(series), (all) => {
        const flat = all.flatMap(({ points, ...rest }) =>
          points.map(([at, value]) => ({ ...rest, at, value })),
        );
        const isSame = (one: (typeof flat)[number], other: (typeof flat)[number]) =>
          one.metric === other.metric &&
          one.host === other.host &&
          one.at === other.at &&
          one.tags.length === other.tags.length &&
          one.tags.every((tag, index) => tag === other.tags[index]);
        const last = flat.filter((one, index) => !flat.slice(index + 1).some((other) => isSame(one, other)));
        const kept = keptOf(all);
        expect(kept.list()).toEqual(last);
        expect(kept.counts()).toMatchObject({
          received: flat.length,
          overwritten: flat.length - last.length,
        });
      }),
    );
  });

  it("carry the type and interval of the last", () => {
    const kept = keptOf([gauge(5, 1), gauge(5, 2, { type: "count", interval: seconds(10) })]);
    expect(kept.list()).toEqual([
      { metric: "engine.rpm", type: "count", host: "owl", tags: ["zone:a"], interval: 10, at: 5, value: 2 },
    ]);
  });

  it("are counted where they are over an hour old or over ten minutes ahead", () => {
    const now = NOW / 1000;
    const ages = [3600, 3601, 0, -600, -601, 86_400];
    const kept = keptOf(ages.map((age) => gauge(now - age, 1)));
    expect(kept.counts()).toMatchObject({ received: 6, old: 2, future: 1 });
    expect(kept.list()).toHaveLength(6);
  });

  it("are bounded: the first to arrive is forgotten, and counted", () => {
    const kept = keptOf([gauge(1, 1), gauge(2, 2), gauge(1, 3), gauge(3, 4)], 2);
    expect(kept.list().map(({ value }) => value)).toEqual([3, 4]);
    expect(kept.counts()).toMatchObject({ received: 4, overwritten: 1, forgotten: 1 });
  });

  it("have the name and tags that Datadog makes of theirs, which are counted", () => {
    const tags = [
      "città:Forlì",
      "a:b:c/d-e_f.g",
      "Zone:A",
      "zone:a",
      "9to5:x",
      "a b:c",
      `a:${"b".repeat(199)}`,
    ];
    const kept = keptOf([
      gauge(1, 1, { metric: "1st-name", tags }),
      gauge(1, 2, { metric: "st_name", tags }),
    ]);
    expect(kept.list()).toMatchObject([
      {
        metric: "st_name",
        tags: ["a:b:c/d-e_f.g", `a:${"b".repeat(198)}`, "a_b:c", "città:forlì", "to5:x", "zone:a"],
        value: 2,
      },
    ]);
    expect(kept.counts()).toMatchObject({ overwritten: 1, rewritten: 11 });
  });
});
