/**
 * The key of a context: one metric, type and tag set.
 */
import type { MetricType } from "./raw-metric.js";
import { type Tags, tagsKey } from "./tags.js";

/** Equal for two records of one context, different for any others. */
export function contextKey({
  metric,
  type,
  tags,
}: {
  readonly metric: string;
  readonly type: MetricType;
  readonly tags: Tags;
}): string {
  return `${type}${metric.length}:${metric}${tagsKey(tags)}`;
}
