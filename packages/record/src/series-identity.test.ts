import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalTags, contextKey, seriesIdentity } from "./series-identity.js";

const identity = (metric: string, tags: readonly string[], globalTags: readonly string[] = []) =>
  seriesIdentity({ metric, type: "count", tags }, globalTags);

describe("a series", () => {
  it("has the name and tags that Datadog stores", () => {
    expect(identity("my-app.requests", ["release tag:v 1", "Env:PROD", "b", "a:"], ["env:live"])).toEqual({
      metric: "my_app.requests",
      type: "count",
      tags: ["a", "b", "env:live", "env:prod", "release_tag:v_1"],
      key: "count my_app.requests a,b,env:live,env:prod,release_tag:v_1",
    });
  });

  it("has each tag once, in one order, wherever it comes from", () => {
    const expected = identity("m", ["a:b:c", "env:live"]);
    expect(identity("m", ["env:live", "a:b:c"])).toEqual(expected);
    expect(identity("m", ["A:B:C"], ["env:live", "ENV:live", "a:b:c"])).toEqual(expected);
  });

  it("has no name without a letter, and drops such tags", () => {
    expect(identity("42", [])).toBeUndefined();
    expect(identity("m", ["42", "", "::", "a"])?.tags).toEqual(["a"]);
  });

  it("has another key for another name, type or tag", () => {
    const name = fc.stringMatching(/^[a-z][a-z_.]{0,3}$/);
    const tag = fc.stringMatching(/^[a-z][a-z:./-]{0,3}[a-z]$/);
    const series = fc.record({
      metric: name,
      type: fc.constantFrom("count", "gauge", "set"),
      tags: fc.array(tag, { maxLength: 3 }).map((tags) => canonicalTags(tags)),
    });
    fc.assert(
      fc.property(series, series, (one, other) => {
        const isOne = JSON.stringify(one) === JSON.stringify(other);
        expect(contextKey(one) === contextKey(other)).toBe(isOne);
      }),
    );
  });

  it("doesn't change when it is formed again, with or without the same global tags", () => {
    const text = fc.string({ unit: "binary", maxLength: 250 });
    fc.assert(
      fc.property(
        text,
        fc.array(text, { maxLength: 4 }),
        fc.array(text, { maxLength: 2 }),
        (name, tags, globalTags) => {
          const first = identity(name, tags, globalTags);
          if (first === undefined) return;
          expect(identity(first.metric, first.tags, globalTags)).toEqual(first);
          expect(canonicalTags(first.tags)).toBe(first.tags);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
