/** The JSON bodies of Datadog's two series endpoints. */
import type { ReadyType } from "@chouette-iot/record";
import type { Series } from "./series.js";

const TYPE_NUMBERS: Readonly<Record<ReadyType, number>> = { count: 1, rate: 2, gauge: 3 };

/** The body of `POST /api/v1/series`. */
export function seriesV1(series: readonly Series[], host: string): string {
  return JSON.stringify({ series: series.map((entry) => ({ ...entry, host })) });
}

/** The body of `POST /api/v2/series`. */
export function seriesV2(series: readonly Series[], host: string): string {
  const resources = [{ type: "host", name: host }];
  return JSON.stringify({
    series: series.map(({ points, type, ...entry }) => ({
      ...entry,
      type: TYPE_NUMBERS[type],
      points: points.map(([timestamp, value]) => ({ timestamp, value })),
      resources,
    })),
  });
}
