/**
 * Which window a time belongs to.
 *
 * Windows are aligned to the clock by their interval. If AGGREGATE_INTERVAL was another before, some of the windows that
 * the store remembers aren't on the grid of today's: they keep their place and length, and take their late records. A
 * window of today's that meets one of them is as long as the space beside it. So no two windows share a second, and
 * neither do their emissions.
 */
import { type Seconds, seconds } from "@chouette-iot/record";
import type { WindowSpan } from "../aggregation/window.js";
import type { Windows } from "../runtime/windows.js";

export class WindowGrid {
  readonly #windows: Windows;
  /** The windows off the grid, by the start of each window of the grid that they meet. */
  readonly #offGrid = new Map<Seconds, WindowSpan[]>();

  /** @param windows today's */
  constructor(windows: Windows) {
    this.#windows = windows;
  }

  /** Keeps this window's place, until {@link remove}. */
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

  /** The start of the window that holds this time. */
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
