/**
 * The settlement of emitted windows: what was taken leaves the raw queue, what it became enters the ready queue,
 * and the windows' state says so, in one step.
 *
 * Records are counted as they leave, so that one that the store's size limit took meanwhile isn't counted twice.
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
import type { UnusableRecord } from "./open-windows.js";
import { rejectContext, rejectUnusable } from "./rejections.js";
import type { WindowState, WindowStates } from "./window-state.js";

export interface EmittedWindow {
  readonly window: WindowSpan;
  /** The raw records that went into it. */
  readonly positions: readonly Position[];
  /** What the store is to remember of the window. */
  readonly state: WindowState;
  /** Whether parts of it waited in the state, which are in the emission and can go. */
  readonly hadParts: boolean;
  readonly emitted: Emitted;
  /** When its gauges were taken; undefined if there is none. */
  readonly gauges: string | undefined;
  /** What was kept of it and couldn't be read, as dead letters. */
  readonly unreadable: readonly NewRecord[];
}

export interface Batch {
  readonly windows: readonly EmittedWindow[];
  readonly unusable: readonly UnusableRecord[];
  /** Records whose own time is too old. */
  readonly expired: readonly Position[];
  /** Records of metrics that the settings keep out. */
  readonly filtered: readonly Position[];
}

export function settlementOf(
  { windows, unusable, expired, filtered }: Batch,
  {
    queues,
    states,
    at,
  }: { readonly queues: QueueNames; readonly states: WindowStates; readonly at: Seconds },
): Settlement {
  const { rawMetrics, readyMetrics, sketches: sketchQueue, rejected } = queues;
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
      {
        queue: rawMetrics,
        records: unusable.map(({ record }) => record),
        counter: counterName(rawMetrics, "rejected"),
      },
      { queue: rawMetrics, records: expired, counter: counterName(rawMetrics, "expired") },
      { queue: rawMetrics, records: filtered, counter: counterName(rawMetrics, "filtered") },
      { queue: readyMetrics, records: superseded, counter: counterName(readyMetrics, "superseded") },
      // An id is in one of the two queues.
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

/** One after the other. A list alone isn't copied: most settlements are of one window, which may have many records. */
function joined<T>(lists: readonly (readonly T[])[]): readonly T[] {
  const [first = [], ...others] = lists;
  return others.length === 0 ? first : lists.flat();
}

/** Counters to raise, without those that don't change. */
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
    if (emitted.last !== undefined) written.set(states.finalSecondKey(start), emitted.last);
    if (gauges !== undefined) written.set(states.gaugesKey(start), gauges);
  }
  return written;
}
