/**
 * Series: the points of one metric, type, tag set and interval, gathered so that their name travels once.
 */
import type { Point, ReadyMetric, ReadyType, Seconds } from "@chouette-iot/record";

export interface Series {
  readonly metric: string;
  readonly type: ReadyType;
  readonly tags: readonly string[];
  readonly points: readonly Point[];
  readonly interval?: Seconds;
}

/** The types as series v2 has them. */
export const TYPE_NUMBERS: Readonly<Record<ReadyType, number>> = { count: 1, rate: 2, gauge: 3 };

/**
 * The series of a batch, in the order of their first points in it.
 *
 * Of two points of one second the later in the batch stays, as at the intake.
 *
 * @param globalTags `["key:value", …]`, added to each series that doesn't have them
 */
export function groupSeries(batch: readonly ReadyMetric[], globalTags: readonly string[]): readonly Series[] {
  const groups = new Map<string, { first: ReadyMetric; points: Map<Seconds, number> }>();
  for (const metric of batch) {
    const key = seriesKey(metric);
    let group = groups.get(key);
    if (group === undefined) {
      group = { first: metric, points: new Map() };
      groups.set(key, group);
    }
    for (const [at, value] of metric.points) group.points.set(at, value);
  }
  return [...groups.values()].map(({ first, points }) => ({
    metric: first.metric,
    type: first.type,
    tags: withGlobalTags(first.tags, globalTags),
    points: [...points].sort(([a], [b]) => a - b),
    ...(first.interval === undefined ? {} : { interval: first.interval }),
  }));
}

/** JSON keeps the parts apart whatever characters they hold. */
export function seriesKey({
  metric,
  tags,
  type,
  interval,
}: Pick<ReadyMetric, "metric" | "tags" | "type" | "interval">): string {
  return JSON.stringify([metric, tags, type, interval]);
}

/** A device whose queue was filled by the original agent has them in its records already. */
function withGlobalTags(tags: readonly string[], globalTags: readonly string[]): readonly string[] {
  const missing = globalTags.filter((tag) => !tags.includes(tag));
  return missing.length === 0 ? tags : [...tags, ...missing].sort();
}
