/**
 * Which window a time belongs to.
 *
 * Windows start at multiples of AGGREGATE_INTERVAL. If the setting was changed, some windows in the store aren't on the
 * current grid: they keep their place and length, and receive their late records. A current window that would overlap one
 * of them is shortened to the space left. So no two windows share a second, and neither do their emissions.
 */
import { type Seconds, seconds } from "@chouette-iot/record";
import type { WindowSpan } from "../aggregation/window.js";
import type { Windows } from "../runtime/windows.js";

export class WindowGrid {
  readonly #windows: Windows;
  /** The windows off the grid, by the start of each cell of the grid that they overlap. */
  readonly #offGrid = new Map<Seconds, WindowSpan[]>();

  /** @param windows of the current AGGREGATE_INTERVAL */
  constructor(windows: Windows) {
    this.#windows = windows;
  }

  /** Keeps this window's place and length until {@link remove}. */
  add({ start, interval }: WindowSpan): void {
    if (this.#isOnGrid({ start, interval })) return;
    for (const cell of this.#cellsOf({ start, interval })) {
      const others = this.#offGrid.get(cell) ?? [];
      if (others.some((other) => other.start === start)) continue;
      this.#offGrid.set(cell, [...others, { start, interval }]);
    }
  }

  remove(span: WindowSpan): void {
    if (this.#isOnGrid(span)) return;
    for (const cell of this.#cellsOf(span)) {
      const others = this.#offGrid.get(cell)?.filter(({ start }) => start !== span.start) ?? [];
      if (others.length === 0) this.#offGrid.delete(cell);
      else this.#offGrid.set(cell, others);
    }
  }

  /** The start of the window that this time belongs to. */
  startAt(time: Seconds): Seconds {
    return this.#offGrid.size === 0 ? this.#windows.startOf(time) : this.windowAt(time).start;
  }

  windowAt(time: Seconds): WindowSpan {
    const cell = this.#windows.startOf(time);
    let [start, end] = [cell, seconds(cell + this.#windows.interval)];
    for (const other of this.#offGrid.get(cell) ?? []) {
      const otherEnd = seconds(other.start + other.interval);
      if (otherEnd <= time) start = seconds(Math.max(start, otherEnd));
      else if (other.start > time) end = seconds(Math.min(end, other.start));
      else return other;
    }
    return { start, interval: seconds(end - start) };
  }

  #isOnGrid({ start, interval }: WindowSpan): boolean {
    return interval === this.#windows.interval && this.#windows.startOf(start) === start;
  }

  *#cellsOf({ start, interval }: WindowSpan): Iterable<Seconds> {
    const end = start + interval;
    const { interval: step } = this.#windows;
    for (let cell = this.#windows.startOf(start); cell < end; cell = seconds(cell + step)) yield cell;
  }
}
