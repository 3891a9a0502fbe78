/**
 * The cost of each metric: records and bytes that were delivered since the agent's start, by name.
 *
 * Promises: the sums equal those of the deliveries exactly. Memory is bounded: the first names have an entry each, and names
 * beyond the limit share one. The share of a name in a compressed body isn't known: bytes are distributed by the length of its
 * records.
 */
import type { ReadyMetric } from "@chouette-iot/record";

export interface MetricUse {
  readonly metric: string;
  readonly records: number;
  readonly bytes: number;
  /** Number of series: different tag sets in the last delivered window. */
  readonly series: number;
}

export interface SeriesUse {
  /** Sorted by bytes, the largest first. */
  readonly metrics: readonly MetricUse[];
  /** Of names beyond the limit; undefined if there are none. */
  readonly others: Pick<MetricUse, "records" | "bytes"> | undefined;
}

interface Entry {
  records: number;
  bytes: number;
  /** The second of the newest window, and its number of records. */
  second: number;
  series: number;
  /** Length and number of records in the current batch. */
  length: number;
  batch: number;
}

const MAX_NAMES = 1_000;

export class SeriesMeter {
  readonly #entries = new Map<string, Entry>();
  readonly #others = newEntry();

  /** @param bytes of the body in which they were delivered */
  add(metrics: readonly ReadyMetric[], bytes: number): void {
    const touched: Entry[] = [];
    let total = 0;
    for (const metric of metrics) {
      const entry = this.#entryOf(metric.metric);
      const length = lengthOf(metric);
      const second = metric.points[0]?.[0] ?? 0;
      if (entry.batch === 0) touched.push(entry);
      entry.batch += 1;
      entry.length += length;
      total += length;
      if (second > entry.second) {
        entry.second = second;
        entry.series = 0;
      }
      if (second === entry.second) entry.series += 1;
    }
    shareOut(touched, total, bytes);
  }

  use(): SeriesUse {
    const metrics = [...this.#entries].map(([metric, { records, bytes, series }]) => ({
      metric,
      records,
      bytes,
      series,
    }));
    const { records, bytes } = this.#others;
    return {
      metrics: metrics.sort((a, b) => b.bytes - a.bytes || (a.metric < b.metric ? -1 : 1)),
      others: records === 0 ? undefined : { records, bytes },
    };
  }

  #entryOf(name: string): Entry {
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    if (this.#entries.size >= MAX_NAMES) return this.#others;
    const entry = newEntry();
    this.#entries.set(name, entry);
    return entry;
  }
}

function newEntry(): Entry {
  return { records: 0, bytes: 0, second: 0, series: 0, length: 0, batch: 0 };
}

/** Approximate length of a record as sent: its texts, and a number for each value and time. */
function lengthOf({ metric, tags, points }: ReadyMetric): number {
  let length = metric.length + 16 * points.length;
  for (const tag of tags) length += tag.length;
  return length;
}

/** Distributes bytes in whole numbers that add up: each entry gets its share of the rest. */
function shareOut(entries: readonly Entry[], length: number, bytes: number): void {
  let [lengthLeft, bytesLeft] = [length, bytes];
  for (const entry of entries) {
    const share = lengthLeft === 0 ? 0 : Math.round((bytesLeft * entry.length) / lengthLeft);
    entry.bytes += share;
    entry.records += entry.batch;
    lengthLeft -= entry.length;
    bytesLeft -= share;
    entry.length = 0;
    entry.batch = 0;
  }
}
