/**
 * The settlement of emitted windows: removes their raw records, adds their ready metrics and writes their state, atomically.
 *
 * Records are counted when they are removed, so that one that the store evicted meanwhile isn't counted twice.
 */
import {
  counterName,
  type NewRecord,
  type Position,
  type QueueNames,
  type Settlement,
} from "@chouette-iot/queue";
import type { Seconds } from "@chouette-iot/record";
import type { WindowSpan } from "../aggregation/window.js";
import type { Emitted } from "./emission.js";
import type { WindowBatch } from "./open-windows.js";
import { rejectContext, rejectUnusable } from "./rejections.js";
import type { WindowState } from "./window-state.js";
import type { WindowStates } from "./window-states.js";

export interface EmittedWindow {
  readonly window: WindowSpan;
  /** Of the raw records that were added to it. */
  readonly positions: readonly Position[];
  /** The window's state after the emission. */
  readonly state: WindowState;
  /** Whether the store kept parts of it, which this emission includes: they can be deleted. */
  readonly hadParts: boolean;
  readonly emitted: Emitted;
  /** When its gauges were measured, as text; undefined if it has none. */
  readonly gauges: string | undefined;
  /** Dead letters of kept contexts that couldn't be read. */
  readonly unreadable: readonly NewRecord[];
}

/** @param at the time of rejections */
export function settlementOf(
  windows: readonly EmittedWindow[],
  { unusable, expired, filtered }: Omit<WindowBatch, "windows">,
  queues: QueueNames,
  states: WindowStates,
  at: Seconds,
): Settlement {
  const { rawMetrics, readyMetrics, sketches: sketchQueue, rejected } = queues;
  const unusableRecords = unusable.map(({ record }) => record);
  const taken = joined(windows.map(({ positions }) => positions));
  const ready = joined(windows.map(({ emitted }) => emitted.ready));
  const sketches = windows.flatMap(({ emitted }) => emitted.sketches);
  const superseded = windows.flatMap(({ emitted }) => emitted.superseded);
  const deadLetters = [
    ...unusable.map((entry) => rejectUnusable(entry, queues, at)),
    ...windows.flatMap(({ window, emitted, unreadable }) => [
      ...emitted.wrapFailures.flatMap((entry) => rejectContext(entry, window.start, queues, at)),
      ...unreadable,
    ]),
  ];
  return {
    onlyWhile: states.expected(windows.map(({ window }) => window.start)),
    remove: [
      { queue: rawMetrics, records: taken, counter: counterName(rawMetrics, "aggregated") },
      { queue: rawMetrics, records: unusableRecords, counter: counterName(rawMetrics, "rejected") },
      { queue: rawMetrics, records: expired, counter: counterName(rawMetrics, "expired") },
      { queue: rawMetrics, records: filtered, counter: counterName(rawMetrics, "filtered") },
      { queue: readyMetrics, records: superseded, counter: counterName(readyMetrics, "superseded") },
      // Each id is in one of the two queues: it doesn't matter which.
      { queue: sketchQueue, records: superseded, counter: counterName(sketchQueue, "superseded") },
    ],
    add: [
      { queue: readyMetrics, records: ready },
      { queue: sketchQueue, records: sketches },
      { queue: rejected, records: deadLetters },
    ],
    state: stateOf(windows, states),
    count: increments([
      [counterName(readyMetrics, "accepted"), ready.length],
      [counterName(sketchQueue, "accepted"), sketches.length],
      [counterName(rejected, "accepted"), deadLetters.length],
    ]),
  };
}

/** Concatenates. A single list isn't copied: most settlements are of one window, which may have many records. */
function joined<T>(lists: readonly (readonly T[])[]): readonly T[] {
  const [first = [], ...others] = lists;
  return others.length === 0 ? first : lists.flat();
}

/** The counters to increment, without those that don't change. */
export function increments(
  counters: readonly (readonly [name: string, by: number])[],
): ReadonlyMap<string, number> {
  return new Map(counters.filter(([, by]) => by > 0));
}

function stateOf(windows: readonly EmittedWindow[], states: WindowStates): Map<string, string | undefined> {
  const written = new Map<string, string | undefined>();
  for (const { window, state, hadParts, emitted, gauges } of windows) {
    const { start } = window;
    written.set(...states.entry(start, state));
    if (hadParts) written.set(states.partsKey(start), undefined);
    if (emitted.finalSecond !== undefined) written.set(states.finalSecondKey(start), emitted.finalSecond);
    if (gauges !== undefined) written.set(states.gaugesKey(start), gauges);
  }
  return written;
}
