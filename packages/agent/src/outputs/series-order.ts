/**
 * Orders of series in which a batch compresses well. Both group series with the same number of points. Which one gives fewer
 * bytes depends on the format: docs/decisions/0006-bytes-on-the-wire.md.
 */
import { type Series, seriesKey } from "./series.js";

/** By length, then by name: a repetition at a constant distance costs zstd nearly nothing. */
export function byLength(series: readonly Series[]): readonly Series[] {
  return sorted(series, seriesKey, (a, b) => a.length - b.length);
}

/** By type, name and tags, so that similar series are neighbours. */
export function byName(series: readonly Series[]): readonly Series[] {
  return sorted(series, ({ metric, tags, type }) => JSON.stringify([type, metric, tags]));
}

/** Sorts by the number of points, then with `compare`, then by the text of the keys. */
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
