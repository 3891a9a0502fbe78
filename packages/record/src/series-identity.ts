/**
 * The identity of a series: its name and its complete tags, as Datadog will store them.
 *
 * Datadog keeps one value for a name, host, tag set and second. Two series here that are one series at Datadog would
 * overwrite each other's values. So names and tags are normalised by Datadog's rules, global tags included, before
 * anything is aggregated.
 */
import { canonicalTag, metricName } from "./datadog-names.js";
import type { MetricType } from "./raw-metric.js";

/** A series of raw metrics. Records with the same key belong to one series and are aggregated together. */
export interface SeriesIdentity {
  readonly metric: string;
  readonly type: MetricType;
  /** `["key:value", …]`: sorted, without duplicates, the global tags included. */
  readonly tags: readonly string[];
  readonly key: string;
}

/** The tags normalised by Datadog's rules, sorted, without duplicates. Returns the same list if nothing has to change. */
export function canonicalTags(
  tags: readonly string[],
  globalTags: readonly string[] = [],
): readonly string[] {
  if (globalTags.length === 0 && isCanonical(tags)) return tags;
  const all = new Set<string>();
  for (const tag of tags) all.add(canonicalTag(tag));
  for (const tag of globalTags) all.add(canonicalTag(tag));
  all.delete("");
  return [...all].sort();
}

function isCanonical(tags: readonly string[]): boolean {
  let before = "";
  for (const tag of tags) {
    if (tag <= before || canonicalTag(tag) !== tag) return false;
    before = tag;
  }
  return true;
}

/**
 * The series of a record; undefined if no part of its name is valid at Datadog.
 *
 * @param globalTags `["key:value", …]` of every series
 * @param keepsTag which of the record's own tags, normalised, belong to the series; all by default
 */
export function seriesIdentity(
  {
    metric,
    type,
    tags,
  }: { readonly metric: string; readonly type: MetricType; readonly tags: readonly string[] },
  globalTags: readonly string[],
  keepsTag?: (tag: string) => boolean,
): SeriesIdentity | undefined {
  const name = metricName(metric);
  if (name === "") return undefined;
  const own = keepsTag === undefined ? tags : tags.filter((tag) => keepsTag(canonicalTag(tag)));
  const complete = canonicalTags(own, globalTags);
  return { metric: name, type, tags: complete, key: contextKey({ metric: name, type, tags: complete }) };
}

/** Equal for records of one series and type, different for any others. Name and tags must be normalised. */
export function contextKey({ metric, type, tags }: Omit<SeriesIdentity, "key">): string {
  return `${type} ${seriesKey(metric, tags)}`;
}

/**
 * Equal for one series at Datadog, whatever its type. Name and tags must be normalised: then they contain no comma or
 * space.
 */
export function seriesKey(metric: string, tags: readonly string[]): string {
  return `${metric} ${tags.join(",")}`;
}
