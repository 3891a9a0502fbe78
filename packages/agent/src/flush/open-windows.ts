/**
 * Windows that are being read from the raw queue and aren't settled yet, and the records that can't be used.
 *
 * Promises: keeps the position of every record that was read, so that a settlement removes exactly those. If an exception
 * is thrown while a record is decoded or aggregated, that record is unusable, and nothing else changes.
 */
import { absentValueReason, type Position, type StoredRecord } from "@chouette-iot/queue";
import { messageOf, RawMetricReader, type Seconds } from "@chouette-iot/record";
import { TOO_LARGE } from "../aggregation/context.js";
import type { SeriesFilter } from "../aggregation/series-filter.js";
import { Window, type WindowSpan } from "../aggregation/window.js";
import { FUTURE_REASON, type TimeLimits, UNSET_REASON } from "./implausible-timestamps.js";
import { ONE_STEP } from "./step-size.js";
import type { WindowGrid } from "./window-grid.js";

/** A window, or the part of its contexts that is settled in one step: see steps.ts. */
export interface OpenWindow {
  readonly window: Window;
  /** Of the records that were added to it. */
  readonly positions: Position[];
  /** Total length of their values, in characters. */
  length: number;
}

export interface UnusableRecord {
  readonly record: StoredRecord;
  readonly reason: string;
}

/** The parts of a window that are settled one after the other. */
interface Steps {
  readonly parts: [OpenWindow, ...OpenWindow[]];
  /** Undefined if there is one part. */
  readonly byContext?: Map<string, OpenWindow>;
}

/** What is settled together. */
export interface WindowBatch {
  readonly windows: readonly OpenWindow[];
  readonly unusable: readonly UnusableRecord[];
  /** Of records whose own timestamp is too old. */
  readonly expired: readonly Position[];
  /** Of metrics that METRICS_ALLOW and METRICS_BLOCK leave out. */
  readonly filtered: readonly Position[];
}

export class OpenWindows {
  readonly #grid: Pick<WindowGrid, "startAt" | "windowAt">;
  readonly #limits: TimeLimits;
  readonly #reader: RawMetricReader;
  readonly #keepsMetric: SeriesFilter["keepsMetric"];
  readonly #contextsOfStep: number;
  readonly #windows = new Map<Seconds, Steps>();
  #unusable: UnusableRecord[] = [];
  #expired: Position[] = [];
  #filtered: Position[] = [];
  #held = 0;
  #length = 0;

  /**
   * @param globalTags of every series
   * @param contextsOfStep windows with more contexts are settled in several steps
   */
  constructor(
    grid: Pick<WindowGrid, "startAt" | "windowAt">,
    limits: TimeLimits,
    globalTags: readonly string[],
    { keepsMetric, keepsTag }: SeriesFilter,
    contextsOfStep: number,
  ) {
    this.#contextsOfStep = contextsOfStep;
    this.#grid = grid;
    this.#limits = limits;
    this.#reader = new RawMetricReader(globalTags, keepsTag);
    this.#keepsMetric = keepsMetric;
  }

  /** How many records aren't settled yet. */
  get held(): number {
    return this.#held;
  }

  /** Total length of their values, in characters: an upper bound of what they are aggregated to. */
  get length(): number {
    return this.#length;
  }

  add(record: StoredRecord): void {
    try {
      this.#take(record);
    } catch (error) {
      this.#reject(record, messageOf(error));
    }
  }

  /** Adds a window that is settled in one step, even if no record is added to it. */
  addWhole(span: WindowSpan): void {
    if (!this.#windows.has(span.start)) this.#windows.set(span.start, { parts: [newPart(span)] });
  }

  /** Removes and returns the windows that end by this time: those are complete once the queue was read up to it. */
  takeWindows(endingBy = Number.POSITIVE_INFINITY): readonly OpenWindow[] {
    const complete: OpenWindow[] = [];
    for (const [start, { parts }] of this.#windows) {
      if (start + parts[0].window.interval > endingBy) continue;
      this.#windows.delete(start);
      complete.push(...parts);
    }
    for (const { positions, length } of complete) {
      this.#held -= positions.length;
      this.#length -= length;
    }
    return complete;
  }

  /** Removes and returns the windows that end by this time, and all records that belong to no window. */
  takeBatch(endingBy?: number): WindowBatch {
    const windows = this.takeWindows(endingBy);
    const batch = { windows, unusable: this.#unusable, expired: this.#expired, filtered: this.#filtered };
    this.#held -= batch.unusable.length + batch.expired.length + batch.filtered.length;
    for (const { record } of batch.unusable) this.#length -= record.value?.length ?? 0;
    this.#unusable = [];
    this.#expired = [];
    this.#filtered = [];
    return batch;
  }

  /** @throws Error with the reason if the record can't be used */
  #take(record: StoredRecord): void {
    const { score, id, value, place } = record;
    if (value === undefined) throw new Error(absentValueReason(record));
    const decoded = this.#reader.read(value);
    if (!decoded.ok) {
      this.#reject(record, decoded.reason);
      return;
    }
    const { metric, timestamp } = decoded.value;
    if (this.#keepsMetric?.(metric) === false) {
      this.#filtered.push({ score, id });
      this.#held += 1;
      return;
    }
    const { earliest, latest } = this.#limits;
    if (timestamp < earliest || timestamp > latest) {
      this.#takeImplausible(record, timestamp);
      return;
    }
    const start = this.#grid.startAt(timestamp);
    const taken = this.#partFor(this.#windows.get(start) ?? this.#begin(timestamp), decoded.value.key);
    if (!taken.window.add(decoded.value)) {
      this.#reject(record, TOO_LARGE);
      return;
    }
    taken.positions.push({ score, id, place });
    taken.length += value.length;
    this.#held += 1;
    this.#length += value.length;
  }

  #begin(timestamp: Seconds): Steps {
    const span = this.#grid.windowAt(timestamp);
    const isSplit = this.#contextsOfStep !== ONE_STEP;
    const begun: Steps = { parts: [newPart(span)], ...(isSplit ? { byContext: new Map() } : {}) };
    this.#windows.set(span.start, begun);
    return begun;
  }

  /** The part that a context's records are added to: all of them to the same. */
  #partFor({ parts, byContext }: Steps, key: string): OpenWindow {
    if (byContext === undefined) return parts[0];
    const known = byContext.get(key);
    if (known !== undefined) return known;
    let last = parts.at(-1) ?? parts[0];
    if (last.window.size >= this.#contextsOfStep) {
      last = newPart(last.window);
      parts.push(last);
    }
    byContext.set(key, last);
    return last;
  }

  /** Decides by the record's own timestamp, whatever its score in the queue. */
  #takeImplausible(record: StoredRecord, timestamp: Seconds): void {
    const { unset, latest, future } = this.#limits;
    if (timestamp < unset) this.#reject(record, UNSET_REASON);
    else if (timestamp <= latest) {
      this.#expired.push({ score: record.score, id: record.id, place: record.place });
      this.#held += 1;
    } else if (timestamp > future) this.#reject(record, FUTURE_REASON);
    // Otherwise it stays in the queue.
  }

  #reject(record: StoredRecord, reason: string): void {
    this.#unusable.push({ record, reason });
    this.#held += 1;
    this.#length += record.value?.length ?? 0;
  }
}

function newPart(span: WindowSpan): OpenWindow {
  return { window: new Window(span), positions: [], length: 0 };
}
