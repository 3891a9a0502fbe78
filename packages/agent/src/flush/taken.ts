/**
 * What was read from the raw queue and isn't settled yet: windows that fill up, and records that can't be used.
 *
 * Holds the position of every record that went in, so that a settlement removes these and no others.
 */

import { absentValueReason, type Position, type StoredRecord } from "@chouette-iot/queue";
import { RawMetricReader, type Seconds } from "@chouette-iot/record";
import { TOO_LARGE } from "../aggregation/context.js";
import { Window, windowStart } from "../aggregation/window.js";

export interface TakenWindow {
  readonly window: Window;
  /** The records that went into it. */
  readonly positions: Position[];
}

export interface Unusable {
  readonly record: StoredRecord;
  readonly reason: string;
}

export class Taken {
  readonly #interval: Seconds;
  readonly #reader: RawMetricReader;
  readonly #windows = new Map<Seconds, TakenWindow>();
  #unusable: Unusable[] = [];
  #held = 0;

  /** @param globalTags of every series */
  constructor(interval: Seconds, globalTags: readonly string[]) {
    this.#interval = interval;
    this.#reader = new RawMetricReader(globalTags);
  }

  /** How many records wait to be settled. */
  get held(): number {
    return this.#held;
  }

  add(record: StoredRecord): void {
    this.#held += 1;
    if (record.value === undefined) {
      this.#unusable.push({ record, reason: absentValueReason(record) });
      return;
    }
    const decoded = this.#reader.read(record.value);
    if (!decoded.ok) {
      this.#unusable.push({ record, reason: decoded.reason });
      return;
    }
    const { window, positions } = this.window(windowStart(decoded.record.timestamp, this.#interval));
    if (!window.add(decoded.record)) {
      this.#unusable.push({ record, reason: TOO_LARGE });
      return;
    }
    positions.push({ score: record.score, id: record.id });
  }

  /** The window that starts then, empty where nothing was taken for it. */
  window(start: Seconds): TakenWindow {
    let taken = this.#windows.get(start);
    if (taken === undefined) {
      taken = { window: new Window(start), positions: [] };
      this.#windows.set(start, taken);
    }
    return taken;
  }

  /** Takes out the windows that end by this time: a reader that has come so far in the queue has all of each. */
  takeWindows(endingBy = Number.POSITIVE_INFINITY): readonly TakenWindow[] {
    const complete = [...this.#windows.values()].filter(
      ({ window }) => window.start + this.#interval <= endingBy,
    );
    for (const { window, positions } of complete) {
      this.#windows.delete(window.start);
      this.#held -= positions.length;
    }
    return complete;
  }

  takeUnusable(): readonly Unusable[] {
    const unusable = this.#unusable;
    this.#unusable = [];
    this.#held -= unusable.length;
    return unusable;
  }
}
