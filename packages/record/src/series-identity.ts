/**
 * What makes a series one: its name and its complete tags, as Datadog will store them.
 *
 * Datadog keeps one value for a name, host, tag set and second. What it takes for one series has to be one here: two
 * values of it at one second would be one value there. So names and tags are written by Datadog's rules, and the global
 * tags are among them, before anything is added up.
 */
import { canonicalTag, metricName } from "./datadog-names.js";
import type { MetricType } from "./raw-metric.js";

/** A series of raw metrics. Two records with one key are of one series and add up. */
export interface SeriesIdentity {
  readonly metric: string;
  readonly type: MetricType;
  /** `["key:value", …]`: sorted, each one once, the global tags included. */
  readonly tags: readonly string[];
  readonly key: string;
}

/** By Datadog's rules, sorted, each tag once. The result is the list that was given if nothing had to change. */
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
 * Undefined if no part of the name is valid at Datadog.
 * @param globalTags `["key:value", …]` of every series
 * @param keepsTag of the record's own tags, as Datadog stores them, which ones make the series
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

/** Equal for records of one series and type, different for any others. Name and tags are as Datadog stores them. */
export function contextKey({ metric, type, tags }: Omit<SeriesIdentity, "key">): string {
  return `${type} ${seriesKey(metric, tags)}`;
}

/**
 * The series as Datadog tells it apart, whatever its type. Name and tags are as Datadog stores them: none of them has a
 * comma or a space in it.
 */
export function seriesKey(metric: string, tags: readonly string[]): string {
  return `${metric} ${tags.join(",")}`;
}
