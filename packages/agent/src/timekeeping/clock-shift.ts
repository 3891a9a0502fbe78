/**
 * A shift of the clock: when it was wrong and by how much, and what the store remembers of it.
 *
 * The clock's state in the store is one text: the boot, the clock's time of that boot, and a shift that isn't done yet.
 * So a shift is planned, carried out page by page, and done by settlements that each depend on the state's former text: it
 * is neither planned twice nor forgotten, though answers are lost, and it goes on from its last page after any failure.
 */
import type { Position } from "@chouette-iot/queue";
import { type Seconds, seconds } from "@chouette-iot/record";
import type { ShiftedWindows } from "../flush/shifted-windows.js";

/** From one time, included, to another, excluded. */
export interface TimeRange {
  readonly from: Seconds;
  readonly to: Seconds;
}

/** The range is by the wrong clock. */
export interface ClockShift extends TimeRange {
  /** Ends the ids of the records that it has moved. */
  readonly id: string;
  /** What to add to the times of the range: whole windows. */
  readonly by: Seconds;
  /** Windows whose ready metrics stay, in order. */
  readonly staying: ShiftedWindows["staying"];
  /** Undefined before its first page. */
  readonly progress?: ShiftProgress | undefined;
}

/** The queues have an order: those before this one are done, and this one up to a position. */
export interface ShiftProgress {
  readonly queue: string;
  /** Of the last record that was read; undefined at the queue's beginning. */
  readonly after?: Position | undefined;
  /** Records of all queues. */
  readonly moved: number;
}

export interface ClockState {
  readonly boot: string;
  /** When that boot was, by its clock. */
  readonly bootTime: Seconds;
  /** What is to be moved, or has been in part. */
  readonly pending?: ClockShift;
}

/** The key of the clock's state in the store. */
export const CLOCK_STATE = "clock";

export function encodeClockState(state: ClockState): string {
  return JSON.stringify(state);
}

/** Undefined if it is no state: then nothing is known of the clock. */
export function decodeClockState(text: string | undefined): ClockState | undefined {
  if (text === undefined) return undefined;
  try {
    const { boot, bootTime, pending }: Readonly<Record<string, unknown>> = JSON.parse(text);
    if (typeof boot !== "string" || typeof bootTime !== "number") return undefined;
    const state = { boot, bootTime: seconds(bootTime) };
    if (!isShift(pending)) return state;
    // To begin again is right at any time.
    const progress = isProgress(pending.progress) ? pending.progress : undefined;
    return { ...state, pending: { ...pending, progress } };
  } catch {
    return undefined;
  }
}

function isShift(value: unknown): value is ClockShift {
  if (typeof value !== "object" || value === null) return false;
  const { id, from, to, by, staying } = value as Readonly<Record<string, unknown>>;
  const areTimes = [from, to, by].every((time) => typeof time === "number");
  return typeof id === "string" && areTimes && Array.isArray(staying) && staying.every(isSpan);
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

/** A range without what is in another one. */
export function rangeWithout({ from, to }: TimeRange, other: TimeRange | undefined): readonly TimeRange[] {
  if (other === undefined) return [{ from, to }];
  const before = { from, to: seconds(Math.min(to, other.from)) };
  const after = { from: seconds(Math.max(from, other.to)), to };
  return [before, after].filter((range) => range.from < range.to);
}
