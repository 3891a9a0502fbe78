/**
 * Counts series of each metric, values of each tag, and records of each client, of the records that moved while somebody
 * watched.
 *
 * Promises: bounded memory. When the limit is reached, numbers stop growing, and `isComplete` is false.
 */
import { decodeReadyMetric, type ReadyMetric } from "@chouette-iot/record";
import type { Moved } from "../status/record-tap.js";
import { queueKind } from "../status/sums.js";
import { stageOf } from "./record-filter.js";

export interface TagUse {
  readonly tag: string;
  /** Distinct values. */
  readonly values: number;
  /** Distinct series that have the tag. */
  readonly series: number;
  /** The metric with most values of the tag. */
  readonly metric: string;
}

export interface ClientUse {
  /** Prefix of its records' ids; undefined for records whose ids have none. */
  readonly client: string | undefined;
  readonly records: number;
}

export interface Cardinality {
  /** By metric: its number of series, and the tag with most values. */
  readonly metrics: ReadonlyMap<string, { readonly series: number; readonly widest: TagUse | undefined }>;
  /** Sorted by number of values, the largest first. */
  readonly tags: readonly TagUse[];
  /** Sorted by number of raw records, the largest first. */
  readonly clients: readonly ClientUse[];
  readonly isComplete: boolean;
}

/** Limit of remembered texts: series, and values of tags. */
const MAX_TEXTS = 20_000;
const MAX_CLIENTS = 1_000;
/** The client's ids have 10 digits for a batch and two for a position. The first six are constant for 16 million batches. */
const CLIENT_ID = /^([-0-9A-Z_a-z]{6})[-0-9A-Z_a-z]{6}$/;

interface Metric {
  readonly series: Set<string>;
  readonly tags: Map<string, { readonly values: Set<string>; readonly series: Set<string> }>;
}

export class CardinalityMeter {
  readonly #metrics = new Map<string, Metric>();
  readonly #clients = new Map<string | undefined, number>();
  #texts = 0;
  #isComplete = true;

  add(moved: readonly Moved[]): void {
    for (const one of moved) {
      const stage = stageOf(one);
      if (stage === "ready" && one.value !== undefined) this.#addReady(one.value);
      if (queueKind(one.queue) === "rawMetrics" && one.left !== undefined && one.left !== "routed")
        this.#addClient(one.id);
    }
  }

  use(): Cardinality {
    const ofMetrics = [...this.#metrics].map(([metric, { series, tags }]) => {
      const uses = [...tags].map(([tag, use]) => ({
        tag,
        metric,
        values: use.values.size,
        series: use.series.size,
      }));
      return [metric, { series: series.size, widest: uses.toSorted(byValues)[0] }] as const;
    });
    const clients = [...this.#clients].map(([client, records]) => ({ client, records }));
    return {
      metrics: new Map(ofMetrics),
      tags: this.#tagUses().toSorted(byValues),
      clients: clients.toSorted((a, b) => b.records - a.records),
      isComplete: this.#isComplete,
    };
  }

  #tagUses(): readonly TagUse[] {
    const values = new Map<string, Set<string>>();
    const uses = new Map<string, TagUse>();
    for (const [metric, { tags }] of this.#metrics) {
      for (const [tag, use] of tags) {
        const all = values.get(tag) ?? new Set();
        for (const value of use.values) all.add(value);
        values.set(tag, all);
        const before = uses.get(tag);
        const isWidest = before === undefined || use.values.size > before.values;
        uses.set(tag, {
          tag,
          values: isWidest ? use.values.size : before.values,
          series: (before?.series ?? 0) + use.series.size,
          metric: isWidest ? metric : before.metric,
        });
      }
    }
    return [...uses.values()].map((use) => ({ ...use, values: values.get(use.tag)?.size ?? 0 }));
  }

  #addReady(value: string): void {
    const decoded = decodeReadyMetric(value);
    if (decoded.ok) this.#addSeries(decoded.value);
  }

  #addSeries({ metric, tags }: ReadyMetric): void {
    const entry = this.#metrics.get(metric) ?? { series: new Set(), tags: new Map() };
    const key = tags.join(",");
    if (entry.series.has(key) || !this.#hasRoom()) return;
    this.#metrics.set(metric, entry);
    entry.series.add(key);
    for (const tag of tags) {
      const [name = "", value = ""] = splitTag(tag);
      const use = entry.tags.get(name) ?? { values: new Set(), series: new Set() };
      entry.tags.set(name, use);
      use.series.add(key);
      if (!use.values.has(value) && this.#hasRoom()) use.values.add(value);
    }
  }

  #addClient(id: string): void {
    const found = CLIENT_ID.exec(id)?.[1];
    const client =
      found !== undefined && !this.#clients.has(found) && this.#clients.size >= MAX_CLIENTS
        ? undefined
        : found;
    this.#clients.set(client, (this.#clients.get(client) ?? 0) + 1);
  }

  #hasRoom(): boolean {
    if (this.#texts >= MAX_TEXTS) {
      this.#isComplete = false;
      return false;
    }
    this.#texts += 1;
    return true;
  }
}

function byValues(a: TagUse, b: TagUse): number {
  return b.values - a.values || b.series - a.series || (a.tag < b.tag ? -1 : 1);
}

function splitTag(tag: string): readonly string[] {
  const colon = tag.indexOf(":");
  return colon < 0 ? [tag, ""] : [tag.slice(0, colon), tag.slice(colon + 1)];
}
