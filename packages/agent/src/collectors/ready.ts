/**
 * Converts what a collector returned to ready metrics.
 *
 * A collector may be a user's module, so its result is validated: invalid metrics are refused, each with a reason, and the
 * others are sent.
 */
import { NO_TAGS, type ReadyMetric, type ReadyType, type Seconds, tagList } from "@chouette-iot/record";
import type { CollectedMetric } from "./collector.js";

export interface Sorted {
  readonly ready: readonly ReadyMetric[];
  /** The reason for each refused one. */
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

/** The metric, or why it is invalid. */
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

/** Enough to find the fault, but not the whole value: it may be long or confidential. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined || typeof value === "number") return String(value);
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}
