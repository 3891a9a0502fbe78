import { queueNames } from "@chouette-iot/queue";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matches, stageOf } from "./record-filter.js";

const metric = (name: string, tags: unknown = []) => JSON.stringify({ metric: name, tags });
const any = { name: undefined, tag: undefined };

describe("the filter of records", () => {
  it("takes a name with any characters for each star, as a pattern would", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 8 });
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", ".", "*"), maxLength: 6 });
    fc.assert(
      fc.property(text, pattern, (name, like) => {
        const expression = new RegExp(`^${like.replaceAll(".", "\\.").replaceAll("*", ".*")}$`);
        expect(matches(metric(name), { ...any, name: like })).toBe(expression.test(name));
      }),
      { numRuns: 1_000 },
    );
  });

  it("takes a tag by its key or with its value, as raw and ready metrics and logs have it", () => {
    const records = [
      metric("m", { zone: "a" }),
      metric("m", ["zone:a"]),
      '{"service":"s","ddtags":["zone:a"]}',
    ];
    for (const record of records) {
      expect(["zone", "zone:a", "zone:b", "zon"].map((tag) => matches(record, { ...any, tag }))).toEqual([
        ...[true, true, false, false],
      ]);
    }
  });

  it("takes what is no record only if everything is asked for", () => {
    for (const value of ["no JSON", "null", "[]", '{"metric":5}', '{"metric":"m","tags":7}', ""]) {
      expect(matches(value, any)).toBe(true);
      expect(matches(value, { ...any, tag: "zone" })).toBe(false);
    }
  });

  it("knows the stage of a move by its queue and fate", () => {
    const queues = queueNames();
    const stage = (queue: string, left?: string) =>
      stageOf({ queue, id: "1", value: "", ...(left === undefined ? {} : { left }) });
    expect(stage(queues.rawMetrics, "aggregated")).toBe("raw");
    expect(stage(queues.readyMetrics)).toBe("ready");
    expect(stage(queues.logs, "delivered")).toBe("sent");
    expect(stage(queues.logs, "expired")).toBe("dropped");
    expect(stage(queues.rejected)).toBeUndefined();
    expect(stage(queues.rejected, "purged")).toBeUndefined();
  });
});
