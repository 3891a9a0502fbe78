/**
 * The accepted points, kept as Datadog keeps them: one value per metric, host, tags and second, the last one of several. Names
 * and tags are rewritten by Datadog's rules.
 *
 * Beyond the limit, the oldest one is forgotten and counted.
 */
import {
  canonicalTag,
  canonicalTags,
  type Milliseconds,
  metricName,
  milliseconds,
  type ReadyType,
  type Seconds,
  toMilliseconds,
} from "@chouette-iot/record";
import type { SubmittedSeries } from "./submitted-series.js";

export interface KeptPoint {
  readonly metric: string;
  readonly type: ReadyType;
  /** "" if the series has none. */
  readonly host: string;
  /** Sorted, without duplicates. */
  readonly tags: readonly string[];
  readonly interval?: Seconds;
  readonly at: Seconds;
  readonly value: number;
}

export interface PointCounts {
  /** All accepted points. */
  readonly received: number;
  /** Points that replaced an earlier one. */
  readonly overwritten: number;
  /** Points over an hour old: Datadog keeps them only with Historical Metrics. */
  readonly old: number;
  /** Points over ten minutes in the future. */
  readonly future: number;
  /** Forgotten because of the limit. */
  readonly forgotten: number;
  /** Rewritten names and tags, counted for each submitted series. */
  readonly rewritten: number;
}

const MAX_AGE = milliseconds(3600 * 1000);
const MAX_LEAD = milliseconds(600 * 1000);

export class KeptPoints {
  readonly #points = new Map<string, KeptPoint>();
  readonly #limit: number;
  readonly #counts = { received: 0, overwritten: 0, old: 0, future: 0, forgotten: 0, rewritten: 0 };

  constructor(limit: number) {
    this.#limit = limit;
  }

  add({ points, ...submitted }: SubmittedSeries, now: Milliseconds): void {
    const { metric, tags } = submitted;
    const series = { ...submitted, metric: metricName(metric), tags: canonicalTags(tags) };
    this.#counts.rewritten += Number(series.metric !== metric);
    for (const tag of tags) this.#counts.rewritten += Number(canonicalTag(tag) !== tag);
    const key = seriesKey(series);
    for (const [at, value] of points) {
      this.#countAge(at, now);
      this.#keep(`${at} ${key}`, { ...series, at, value });
    }
    this.#forget();
  }

  /** In the order in which they arrived. */
  list(): readonly KeptPoint[] {
    return [...this.#points.values()];
  }

  counts(): PointCounts {
    return { ...this.#counts };
  }

  #keep(key: string, point: KeptPoint): void {
    this.#counts.received++;
    // Deleted first, so that it moves to the end of the map.
    if (this.#points.delete(key)) this.#counts.overwritten++;
    this.#points.set(key, point);
  }

  #forget(): void {
    for (const key of this.#points.keys()) {
      if (this.#points.size <= this.#limit) return;
      this.#points.delete(key);
      this.#counts.forgotten++;
    }
  }

  #countAge(at: Seconds, now: Milliseconds): void {
    const age = now - toMilliseconds(at);
    if (age > MAX_AGE) this.#counts.old++;
    if (-age > MAX_LEAD) this.#counts.future++;
  }
}

/** As JSON, so that no two different series have the same key. */
function seriesKey({ metric, host, tags }: Pick<SubmittedSeries, "metric" | "host" | "tags">): string {
  return JSON.stringify([metric, host, ...tags]);
}
