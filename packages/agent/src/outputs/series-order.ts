/**
 * Orders of series in which a batch compresses well. In both, series with as many points stand together. Which of the
 * two gives fewer bytes depends on the format: docs/decisions/0006-bytes-on-the-wire.md.
 */
import { type Series, seriesKey } from "./series.js";

/** Those of one length together, by name: what repeats at one distance, zstd writes for nearly nothing. */
export function byLength(series: readonly Series[]): readonly Series[] {
  return sorted(series, seriesKey, (a, b) => a.length - b.length);
}

/** Those with the most alike beside each other: by type, name and tags. */
export function byName(series: readonly Series[]): readonly Series[] {
  return sorted(series, ({ metric, tags, type }) => JSON.stringify([type, metric, tags]));
}

/** By the number of points, then as told, then by the keys as text. */
function sorted(
  series: readonly Series[],
  keyOf: (one: Series) => string,
  compare: (a: string, b: string) => number = () => 0,
): readonly Series[] {
  return series
    .map((one) => ({ one, key: keyOf(one) }))
    .sort(
      (a, b) =>
        a.one.points.length - b.one.points.length ||
        compare(a.key, b.key) ||
        Number(a.key > b.key) - Number(a.key < b.key),
    )
    .map(({ one }) => one);
}
