/** A clock shift: when the clock was wrong, by how much, and how far its records are moved. */
import type { Position } from "@chouette-iot/queue";
import { seconds } from "@chouette-iot/record";
import type { Shift, ShiftedWindows } from "../flush/shifted-windows.js";

/** From one time (inclusive) to another (exclusive), in Unix time. */
export type TimeRange = Omit<Shift, "by">;

/** Its range is in times of the wrong clock; they are moved by a whole number of windows. */
export interface ClockShift extends Shift {
  /** Suffix of the ids of moved records. */
  readonly id: string;
  /** Windows whose ready metrics aren't moved, in order. */
  readonly staying: ShiftedWindows["staying"];
  /** Undefined before its first page. */
  readonly progress?: ShiftProgress | undefined;
}

/** Queues are moved in a fixed order: those before this one are done, and this one up to a position. */
export interface ShiftProgress {
  readonly queue: string;
  /** Of the last record that was read; undefined at the start of the queue. */
  readonly after?: Position | undefined;
  /** Number of records moved so far, in all queues. */
  readonly moved: number;
}

/** Undefined if it isn't a shift. Without its progress it starts again, which does no harm. */
export function decodeClockShift(value: unknown): ClockShift | undefined {
  const { id, from, to, by, staying, progress } = Object(value) as Readonly<Record<string, unknown>>;
  const areTimes = [from, to, by].every((time) => typeof time === "number");
  if (typeof id !== "string" || !areTimes || !Array.isArray(staying) || !staying.every(isSpan))
    return undefined;
  return { ...(value as ClockShift), progress: isProgress(progress) ? progress : undefined };
}

function isProgress(value: unknown): value is ShiftProgress {
  const { queue, after, moved } = Object(value) as Readonly<Record<string, unknown>>;
  const { score, id } = Object(after) as Readonly<Record<string, unknown>>;
  const isPlace = after === undefined || (typeof score === "number" && typeof id === "string");
  return typeof queue === "string" && typeof moved === "number" && isPlace;
}

function isSpan(value: unknown): value is ShiftedWindows["staying"][number] {
  const { start, interval } = Object(value) as Readonly<Record<string, unknown>>;
  return typeof start === "number" && typeof interval === "number";
}

/** The parts of a range that aren't in another one. */
export function rangeWithout({ from, to }: TimeRange, other: TimeRange | undefined): readonly TimeRange[] {
  if (other === undefined) return [{ from, to }];
  const before = { from, to: seconds(Math.min(to, other.from)) };
  const after = { from: seconds(Math.max(from, other.to)), to };
  return [before, after].filter((range) => range.from < range.to);
}
