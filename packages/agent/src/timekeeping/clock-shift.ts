/**
 * A clock shift (when the clock was wrong, and by how much), and its state in the store.
 *
 * The clock's state in the store is one text: the boot, its time by the clock, and a shift that isn't done yet. A
 * shift is planned, carried out page by page, and finished by settlements that each depend on the state's previous text.
 * So it is neither planned twice nor forgotten if answers are lost, and it continues from its last page after any failure.
 */
import type { Position } from "@chouette-iot/queue";
import { type Seconds, seconds } from "@chouette-iot/record";
import type { ShiftedWindows } from "../flush/shifted-windows.js";

/** From one time (inclusive) to another (exclusive), in Unix time. */
export interface TimeRange {
  readonly from: Seconds;
  readonly to: Seconds;
}

/** Its range is in times of the wrong clock. */
export interface ClockShift extends TimeRange {
  /** Suffix of the ids of moved records. */
  readonly id: string;
  /** Added to the times in the range: a whole number of windows. */
  readonly by: Seconds;
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

export interface ClockState {
  readonly boot: string;
  /** Unix time of the boot, by the clock. */
  readonly bootTime: Seconds;
  /** A shift that isn't finished. */
  readonly pending?: ClockShift;
}

/** The key of the clock's state in the store. */
export const CLOCK_STATE = "clock";

export function encodeClockState(state: ClockState): string {
  return JSON.stringify(state);
}

/** Undefined if the text isn't a state: then nothing is known of the clock. */
export function decodeClockState(text: string | undefined): ClockState | undefined {
  if (text === undefined) return undefined;
  try {
    const { boot, bootTime, pending }: Readonly<Record<string, unknown>> = JSON.parse(text);
    if (typeof boot !== "string" || typeof bootTime !== "number") return undefined;
    const state = { boot, bootTime: seconds(bootTime) };
    if (!isShift(pending)) return state;
    // Without progress the shift starts again, which does no harm.
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

/** The parts of a range that aren't in another one. */
export function rangeWithout({ from, to }: TimeRange, other: TimeRange | undefined): readonly TimeRange[] {
  if (other === undefined) return [{ from, to }];
  const before = { from, to: seconds(Math.min(to, other.from)) };
  const after = { from: seconds(Math.max(from, other.to)), to };
  return [before, after].filter((range) => range.from < range.to);
}
