/** The JSON body of Datadog's first series endpoint. */
import type { Series } from "./series.js";

/** The body of `POST /api/v1/series`. */
export function seriesV1(series: readonly Series[], host: string): string {
  return JSON.stringify({ series: series.map((entry) => ({ ...entry, host })) });
}
