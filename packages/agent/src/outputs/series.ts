/**
 * Series: the points of one metric, type, tag set and interval, gathered so that their name travels once.
 *
 * Tags are complete when they come here. What wasn't written by Datadog's rules, such as the Python agent's, gets the name
 * and tags that Datadog would make of it, so that one series is one.
 */
import {
  canonicalTags,
  metricName,
  type Point,
  type ReadyMetric,
  type ReadyType,
  type Seconds,
} from "@chouette-iot/record";

export interface Series {
  readonly metric: string;
  readonly type: ReadyType;
  readonly tags: readonly string[];
  readonly points: readonly Point[];
  readonly interval?: Seconds;
  /** The agent's host if it has none. */
  readonly host?: string;
}

/** The types as series v2 has them. */
export const TYPE_NUMBERS: Readonly<Record<ReadyType, number>> = { count: 1, rate: 2, gauge: 3 };

/**
 * The series of a batch, in the order of their first points in it.
 *
 * Of two points of one second the later in the batch stays, as at the intake.
 */
export function groupSeries(batch: readonly ReadyMetric[]): readonly Series[] {
  const groups = new Map<string, Group>();
  // By the key as it was stored: each is written by Datadog's rules once.
  const known = new Map<string, Group>();
  for (const metric of batch) {
    const stored = seriesKey(metric);
    let group = known.get(stored);
    if (group === undefined) {
      group = groupOf(metric, groups);
      known.set(stored, group);
    }
    for (const [at, value] of metric.points) group.points.set(at, value);
  }
  return [...groups.values()].map(({ series, points }) => ({
    ...series,
    points: [...points].sort(([a], [b]) => a - b),
  }));
}

interface Group {
  readonly series: Omit<Series, "points">;
  readonly points: Map<Seconds, number>;
}

function groupOf({ metric, type, tags, interval, host }: ReadyMetric, groups: Map<string, Group>): Group {
  const named = {
    // Kept as it is if no part of it is valid: it is for the intake to refuse.
    metric: metricName(metric) || metric,
    type,
    tags: canonicalTags(tags),
    ...(host === undefined ? {} : { host }),
  };
  const series = interval === undefined ? named : { ...named, interval };
  const key = seriesKey(series);
  const group = groups.get(key) ?? { series, points: new Map<Seconds, number>() };
  groups.set(key, group);
  return group;
}

/** JSON keeps the parts apart whatever characters they hold. */
export function seriesKey({
  metric,
  tags,
  type,
  interval,
  host,
}: Pick<ReadyMetric, "metric" | "tags" | "type" | "interval" | "host">): string {
  return JSON.stringify([metric, tags, type, interval, host]);
}
