/** Filters moved records by stage, name and tag, for `chouette tap`. */
import type { Moved } from "../status/record-tap.js";
import { queueKind } from "../status/sums.js";

/** Raw: as a program sent it, when its window closes. Ready: aggregated. Sent: delivered. Dropped: left in another way. */
export const STAGES = ["raw", "ready", "sent", "dropped"] as const;
export type Stage = (typeof STAGES)[number];

export interface SeenRecord {
  readonly stage: Stage;
  /** The queue that it left or entered. */
  readonly queue: string;
  /** Why it was dropped. */
  readonly reason?: string;
  /** The stored text: JSON, or anything. */
  readonly value: string;
}

export interface RecordFilter {
  readonly stages: ReadonlySet<Stage>;
  /** A name, with `*` for any characters; undefined for all. */
  readonly name: string | undefined;
  /** `key` or `key:value`; undefined for all. */
  readonly tag: string | undefined;
}

/** The stage of a moved record; undefined if its move isn't a stage, such as becoming a dead letter. */
export function stageOf({ queue, left }: Moved): Stage | undefined {
  if (left === undefined) return queueKind(queue) === "readyMetrics" ? "ready" : undefined;
  if (left === "aggregated") return "raw";
  if (left === "delivered") return "sent";
  return left === "routed" || queueKind(queue) === "rejected" ? undefined : "dropped";
}

export function matches(value: string, { name, tag }: Pick<RecordFilter, "name" | "tag">): boolean {
  if (name === undefined && tag === undefined) return true;
  const record = parse(value);
  if (record === undefined) return false;
  if (name !== undefined && !isLike(record.name, name)) return false;
  return tag === undefined || record.tags.some((own) => own === tag || own.startsWith(`${tag}:`));
}

interface Named {
  readonly name: string;
  readonly tags: readonly string[];
}

/** Name and tags of a raw metric, a ready metric or a log, whose name is its service; undefined if it has none. */
function parse(value: string): Named | undefined {
  try {
    const { metric, service, tags, ddtags } = JSON.parse(value);
    const name = metric ?? service;
    return typeof name === "string" ? { name, tags: tagList(tags ?? ddtags) } : undefined;
  } catch {
    return undefined;
  }
}

function tagList(tags: unknown): readonly string[] {
  if (Array.isArray(tags)) return tags.filter((tag) => typeof tag === "string");
  if (typeof tags !== "object" || tags === null) return [];
  return Object.entries(tags).map(([key, value]) => `${key}:${value}`);
}

/** Not a regular expression, which a hostile pattern could make slow. */
function isLike(name: string, pattern: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first) || !name.endsWith(last)) return false;
  let from = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, from);
    if (found < 0) return false;
    from = found + part.length;
  }
  return from + last.length <= name.length;
}
