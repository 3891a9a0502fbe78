/** Builds the gauges that collectors return. */
import type { Tags } from "@chouette-iot/record";
import type { CollectedMetric } from "./collector.js";

export function gauge(name: string, value: number, tags?: Tags): CollectedMetric {
  return { name, type: "gauge", value, tags };
}

/** Rounds to a number of decimals. Digits beyond the source's precision only cost bytes. */
export function rounded(value: number, decimals: number): number {
  const scale = 10 ** decimals;
  return Math.round(value * scale) / scale;
}
