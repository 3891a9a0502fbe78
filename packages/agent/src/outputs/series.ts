/**
 * Series: the points of one metric, type, tag set and interval, grouped so that the name is sent once.
 *
 * Tags are already complete. Names and tags that don't follow Datadog's rules, such as the Python agent's, are normalised as
 * Datadog would do, so that the same series isn't sent as two.
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
  readonly interval?: Seconds | undefined;
  /** Undefined for the agent's host. */
  readonly host?: string | undefined;
}

/** Numbers of the types in series v2. */
export const TYPE_NUMBERS: Readonly<Record<ReadyType, number>> = { count: 1, rate: 2, gauge: 3 };

/**
 * The series of a batch, in the order of their first points.
 *
 * Of two points in one second, the later one in the batch is kept, as at the intake.
 */
export function groupSeries(batch: readonly ReadyMetric[]): readonly Series[] {
  const groups = new Map<string, Group>();
  // By the key before normalisation, so that each is normalised once.
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
  // A name without a valid character is kept: the intake refuses it.
  const series = {
    metric: metricName(metric) || metric,
    type,
    tags: canonicalTags(tags),
    host,
    interval,
  };
  const key = seriesKey(series);
  const group = groups.get(key) ?? { series, points: new Map<Seconds, number>() };
  groups.set(key, group);
  return group;
}

/** As JSON, so that no two different series have the same key. */
export function seriesKey({ metric, tags, type, interval, host }: Omit<Series, "points">): string {
  return JSON.stringify([metric, tags, type, interval, host]);
}
