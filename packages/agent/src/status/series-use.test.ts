import { type ReadyMetric, seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SeriesMeter } from "./series-use.js";

const metric = (name: string, at = 10, tags: readonly string[] = []): ReadyMetric => ({
  metric: name,
  type: "gauge",
  tags,
  points: [[seconds(at), 1]],
});

const names = fc.array(
  fc.nat(2_000).map((n) => metric(`m${n}`)),
  { maxLength: 1_500 },
);

describe("what metrics cost", () => {
  it("adds up to what was delivered, byte for byte, however many names there are", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(names, fc.nat(100_000)), { maxLength: 4 }), (batches) => {
        const meter = new SeriesMeter();
        const delivered = batches.filter(([metrics]) => metrics.length > 0);
        for (const [metrics, bytes] of delivered) meter.add(metrics, bytes);
        const { metrics, others } = meter.use();
        const sum = (of: "records" | "bytes") =>
          [...metrics, ...(others === undefined ? [] : [others])].reduce((all, use) => all + use[of], 0);
        expect(sum("records")).toBe(delivered.reduce((all, [batch]) => all + batch.length, 0));
        expect(sum("bytes")).toBe(delivered.reduce((all, [, bytes]) => all + bytes, 0));
        expect(metrics.length).toBeLessThanOrEqual(1_000);
      }),
      { numRuns: 30 },
    );
  });

  it("is in the order of bytes, and names the series of the newest window", () => {
    const meter = new SeriesMeter();
    const many = [1, 2, 3].map((n) => metric("many", 20, [`user:${n}`]));
    meter.add([metric("few", 10), metric("many", 10, ["user:1"]), ...many, metric("few", 20)], 600);
    const { metrics } = meter.use();
    expect(metrics.map(({ metric: name, series, records }) => [name, series, records])).toEqual([
      ["many", 3, 4],
      ["few", 1, 2],
    ]);
  });
});
