import { seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { expect, it } from "vitest";
import { addRecord, newContext } from "../aggregation/context.js";
import { datadogWrapper } from "./datadog-wrapper.js";

// Without -0, which is neither less nor greater than 0.
const value = fc.double({ min: -1e100, max: 1e100, noNaN: true }).map((number) => number + 0);

it("the percentiles of 0 and 1 are the least and the greatest sample", () => {
  const wrap = datadogWrapper({ histogramAggregates: [], histogramPercentiles: [0, 0.5, 1] });
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 20 }), (samples) => {
      const series = { metric: "h", tags: [], key: "histogram h ", timestamp: seconds(5) };
      const context = newContext({ metric: "h", type: "histogram", tags: [] });
      for (const sample of samples) addRecord(context, { ...series, type: "histogram", value: sample });
      const wrapped = wrap(context, seconds(0), seconds(10));
      const metrics = wrapped.ok && "metrics" in wrapped ? wrapped.metrics : [];
      const [least, middle, greatest] = metrics.map(({ points }) => points[0]?.[1] ?? Number.NaN);
      expect(metrics.map(({ metric }) => metric)).toEqual([
        "h.0percentile",
        "h.50percentile",
        "h.100percentile",
      ]);
      expect(least).toBe(Math.min(...samples));
      expect(greatest).toBe(Math.max(...samples));
      expect(middle).toBeGreaterThanOrEqual(least ?? Number.NaN);
      expect(middle).toBeLessThanOrEqual(greatest ?? Number.NaN);
    }),
  );
});
