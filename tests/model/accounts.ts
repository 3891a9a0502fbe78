/**
 * The recorded values as plain sums: the part of the model that knows nothing about windows, queues or agents.
 *
 * A group is what a person would call one metric: its name and tags as Datadog normalises them, without the tags that
 * may be global. Each record adds an amount to one group, and in whatever parts, windows and seconds the group arrives,
 * the amounts at the intake add up to those that were recorded.
 */
import { GLOBAL_TAGS } from "./operations.js";

export interface Amount {
  readonly group: string;
  readonly amount: number;
}

/** A series as Datadog tells it from others: points of one key and second overwrite each other. */
export interface SeriesKey {
  readonly key: string;
  readonly group: string;
}

/** By Datadog's rules for names and tags. @param tags `name:value` */
export function seriesKey(metric: string, tags: readonly string[]): SeriesKey {
  const name = metric.replace(/^[^A-Za-z]+/, "").replace(/[^A-Za-z0-9_.]/g, "_");
  const canonical = [...new Set(tags.map(canonicalTag))].sort();
  const own = canonical.filter((tag) => !(GLOBAL_TAGS as readonly string[]).includes(tag));
  return { key: [name, ...canonical].join(" "), group: [name, ...own].join(" ") };
}

function canonicalTag(tag: string): string {
  return tag
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_\-:./]/gu, "_")
    .replace(/_+$/, "");
}

/** A ready sketch as a count of its samples, which is all that the far side gets. @param text as it is in its queue */
export function sketchAsCount(text: string): string {
  const { metric, points, ...others } = JSON.parse(text) as {
    readonly metric: string;
    readonly points: readonly (readonly [number, { readonly count: number }])[];
  };
  const counts = points.map(([at, { count }]) => [at, count]);
  return JSON.stringify({
    ...others,
    metric: `${metric}.samples`,
    type: "count",
    interval: 1,
    points: counts,
  });
}

/** What a raw record adds. @param text as it is in the queue */
export function amountOf(text: string): Amount & { readonly type: string; readonly value: number } {
  const { metric, type, tags, value } = JSON.parse(text) as {
    readonly metric: string;
    readonly type: string;
    readonly tags: Readonly<Record<string, unknown>>;
    readonly value: number | readonly unknown[] | { readonly count: number };
  };
  const list = Object.entries(tags).map(([name, tagValue]) => `${name}:${tagValue}`);
  const isHistogram = type === "histogram" || type === "distribution";
  const { group } = seriesKey(
    isHistogram ? `${metric}.${type === "distribution" ? "samples" : "count"}` : metric,
    list,
  );
  if (typeof value === "object" && "count" in value) {
    // What a distribution's samples were saved as.
    const { group: samples } = seriesKey(`${metric}.samples`, list);
    return { group: samples, type, value: value.count, amount: value.count };
  }
  const number = typeof value === "number" ? value : value.length;
  return { group, type, value: number, amount: isHistogram ? 1 : number };
}

export class Tally {
  readonly #amounts = new Map<string, number>();

  add({ group, amount }: Amount): void {
    this.#amounts.set(group, this.of(group) + amount);
  }

  of(group: string): number {
    return this.#amounts.get(group) ?? 0;
  }

  copy(): Tally {
    const copy = new Tally();
    for (const [group, amount] of this.#amounts) copy.add({ group, amount });
    return copy;
  }
}
