/**
 * The settlement of emitted windows: what was taken leaves the raw queue, what it became enters the ready queue,
 * and the windows' notes say so, in one step.
 */
import { fateCounter, type Position, type QueueNames, type Settlement } from "@chouette-iot/queue";
import type { Seconds } from "@chouette-iot/record";
import { saveContexts } from "../aggregation/saved-contexts.js";
import type { Emitted } from "./emission.js";
import { rejectContext, rejectUnusable } from "./rejections.js";
import type { Unusable } from "./taken.js";
import type { WindowNote, WindowNotes } from "./window-notes.js";

export interface EmittedWindow {
  readonly start: Seconds;
  /** The raw records that went into it. */
  readonly positions: readonly Position[];
  /** What the store is to remember of the window. */
  readonly note: WindowNote;
  /** Whether parts of it waited in its notes, which are in the emission and can go. */
  readonly hadParts: boolean;
  readonly emitted: Emitted;
}

export function settlementOf(
  windows: readonly EmittedWindow[],
  unusable: readonly Unusable[],
  { queues, notes, at }: { readonly queues: QueueNames; readonly notes: WindowNotes; readonly at: Seconds },
): Settlement {
  const { rawMetrics, readyMetrics, rejected } = queues;
  const taken = windows.flatMap(({ positions }) => positions);
  const ready = windows.flatMap(({ emitted }) => emitted.ready);
  const superseded = windows.flatMap(({ emitted }) => emitted.superseded);
  const contexts = windows.flatMap(({ start, note, emitted }) =>
    emitted.unwrappable.flatMap((entry, index) =>
      rejectContext(`${start}.${note.emitted}.${index}`, entry, start, queues, at),
    ),
  );
  const setAside = [...unusable.map((entry) => rejectUnusable(entry, queues, at)), ...contexts];
  return {
    remove: [
      { queue: rawMetrics, records: taken },
      { queue: rawMetrics, records: unusable.map(({ record }) => record) },
      { queue: readyMetrics, records: superseded, counter: fateCounter(readyMetrics, "superseded") },
    ],
    add: [
      { queue: readyMetrics, records: ready },
      { queue: rejected, records: setAside },
    ],
    notes: notesOf(windows, notes),
    count: raised([
      [fateCounter(rawMetrics, "aggregated"), taken.length],
      [fateCounter(rawMetrics, "rejected"), unusable.length],
      [fateCounter(readyMetrics, "accepted"), ready.length],
      [fateCounter(rejected, "accepted"), setAside.length],
    ]),
  };
}

/** Counters to raise, without those that don't change. */
export function raised(
  counters: readonly (readonly [name: string, by: number])[],
): ReadonlyMap<string, number> {
  return new Map(counters.filter(([, by]) => by > 0));
}

function notesOf(windows: readonly EmittedWindow[], notes: WindowNotes): Map<string, string | undefined> {
  const written = new Map<string, string | undefined>();
  for (const { start, note, hadParts, emitted } of windows) {
    written.set(...notes.entry(start, note));
    if (hadParts) written.set(notes.partsKey(start), undefined);
    if (emitted.last !== undefined) written.set(notes.lastKey(start), saveContexts(emitted.last));
  }
  return written;
}
