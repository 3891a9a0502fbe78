/** The state of a window in the store, and the keys of what the store keeps of windows. */
import type { Seconds } from "@chouette-iot/record";

export interface WindowState {
  /** The window's length. */
  readonly interval: Seconds;
  /** How many times the window was emitted. */
  readonly emitted: number;
  /** How many ready metrics were made; undefined if an earlier version emitted it. */
  readonly ready: number | undefined;
  /** Whether parts of it left the raw queue but weren't emitted yet. */
  readonly hasParts: boolean;
  /** Whether the contexts of its last second are kept, to be sent again whole. */
  readonly hasFinalSecond: boolean;
  /** Whether the times of the gauges that it has emitted are kept. */
  readonly hasGauges: boolean;
  /** The host with which it was first emitted: all its parts have it. Undefined if the agent that sends them adds its own. */
  readonly host: string | undefined;
}

/** Of a window of which the store knows nothing. */
export function untouched(interval: Seconds): WindowState {
  const nothingKept = { hasParts: false, hasFinalSecond: false, hasGauges: false };
  return { interval, emitted: 0, ready: 0, ...nothingKept, host: undefined };
}

/** State that can't be parsed counts as missing. @param interval for state without one, which an earlier version wrote */
export function decodeWindowState(text: string, interval: Seconds): WindowState {
  try {
    const state = { ...untouched(interval), ready: undefined, ...JSON.parse(text) };
    const isWhole = Number.isInteger(state.emitted) && Number.isInteger(state.interval) && state.interval > 0;
    return isWhole ? state : untouched(interval);
  } catch {
    return untouched(interval);
  }
}

/** The keys of windows: each but the last is followed by a window's start. */
export function windowKeys(queue: string) {
  return {
    state: `window:${queue}:`,
    parts: `parts:${queue}:`,
    finalSecond: `last:${queue}:`,
    gauges: `gauges:${queue}:`,
    /** Up to which time windows have been forgotten. */
    forgotten: `forgotten:${queue}`,
  } as const;
}
