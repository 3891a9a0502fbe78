/**
 * From what a collector gave to ready metrics.
 *
 * A collector may be a user's own, so nothing about its answer is taken for granted: what is no metric is rejected
 * with its reason, and the rest goes on.
 */
import { NO_TAGS, type ReadyMetric, type ReadyType, type Seconds, tagList } from "@chouette-iot/record";
import type { CollectedMetric } from "./collector.js";

export interface Sorted {
  readonly ready: readonly ReadyMetric[];
  /** Why each of the others was refused. */
  readonly refused: readonly string[];
}

/**
 * @param at the whole second that the metrics describe
 * @param interval how many seconds a count or rate describes
 */
export function sortCollected(collected: unknown, at: Seconds, interval: Seconds): Sorted {
  if (!Array.isArray(collected))
    return { ready: [], refused: [`returned ${kindOf(collected)} instead of a list`] };
  const candidates: readonly unknown[] = collected;
  const ready: ReadyMetric[] = [];
  const refused: string[] = [];
  for (const candidate of candidates) {
    const checked = check(candidate);
    if (typeof checked === "string") refused.push(checked);
    else ready.push(toReady(checked, at, interval));
  }
  return { ready, refused };
}

function toReady({ name, type, value, tags }: CollectedMetric, at: Seconds, interval: Seconds): ReadyMetric {
  const metric = { metric: name, type, tags: tagList(tags ?? NO_TAGS), points: [[at, value] as const] };
  return type === "gauge" ? metric : { ...metric, interval };
}

const TYPES: ReadonlySet<unknown> = new Set<ReadyType>(["count", "gauge", "rate"]);

/** The metric that it is, or why it is none. */
function check(candidate: unknown): CollectedMetric | string {
  if (typeof candidate !== "object" || candidate === null)
    return `returned ${kindOf(candidate)} instead of a metric`;
  const { name, type, value, tags } = candidate as Partial<Record<keyof CollectedMetric, unknown>>;
  if (typeof name !== "string" || name === "") return "returned a metric without a name";
  if (!TYPES.has(type)) return `returned ${name} with type ${kindOf(type)}`;
  if (typeof value !== "number" || !Number.isFinite(value)) {
    return `returned ${name} with value ${kindOf(value)}`;
  }
  if (tags !== undefined && !areTags(tags)) return `returned ${name} with tags that are not strings`;
  return candidate as CollectedMetric;
}

function areTags(tags: unknown): boolean {
  if (typeof tags !== "object" || tags === null || Array.isArray(tags)) return false;
  return Object.values(tags).every((value) => typeof value === "string");
}

/** Enough to find the fault by, and no more: a value may be long, or not for a log. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined || typeof value === "number") return String(value);
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}
