/**
 * Re-basing: what was stamped by a clock that was wrong is moved to the time at which it happened.
 *
 * Promises: every record of the era is moved once, whatever crashes in between: it goes by a queue of its own,
 * since what is moved a little may land in the era again. A ready metric moves by whole windows, together with
 * the notes of its window, so that what comes late for it is still told from what was sent.
 * A record that can't be read keeps its place in the order and is moved as it is.
 */
import type { QueueNames, Store, StoredRecord } from "@chouette-iot/queue";
import type { Seconds } from "@chouette-iot/record";
import { shiftedWindowNotes } from "../flush/window-notes.js";

/** The stretch of time, by the wrong clock, in which it was wrong, and how far off it was. */
export interface Era {
  readonly from: Seconds;
  readonly to: Seconds;
  /** What to add to its times: whole windows. */
  readonly by: Seconds;
}

const PAGE = 2_000;
/** Where the store remembers a re-basing that isn't done. */
export const REBASING_NOTE = "rebasing";

interface Progress {
  readonly era: Era;
  readonly step: number;
}

/** What a settlement writes so that {@link rebase} has this era before it. */
export async function plannedRebase(
  store: Store,
  { rawMetrics }: QueueNames,
  era: Era,
): Promise<ReadonlyMap<string, string | undefined>> {
  const notes = new Map(await shiftedWindowNotes(store, rawMetrics, era));
  return notes.set(REBASING_NOTE, JSON.stringify({ era, step: 0 } satisfies Progress));
}

/** Does what is planned, or what a crash left of it. Returns how many records were moved; undefined where nothing was planned. */
export async function rebase(
  store: Store,
  { rawMetrics, readyMetrics, logs }: QueueNames,
): Promise<number | undefined> {
  const [planned] = await store.notes([REBASING_NOTE]);
  if (planned === undefined) return undefined;
  const { era, step: first }: Progress = JSON.parse(planned);
  const moves = [rawMetrics, readyMetrics, logs].flatMap((queue): readonly Move[] => {
    const aside = `${queue}:rebasing`;
    return [
      { from: queue, to: aside, era, change: (record) => shifted(record, era) },
      { from: aside, to: queue, change: (record) => record },
    ];
  });
  let moved = 0;
  for (const [step, move] of moves.entries()) {
    if (step < first) continue;
    moved += await moveAll(store, move);
    const next =
      step + 1 < moves.length ? JSON.stringify({ era, step: step + 1 } satisfies Progress) : undefined;
    await store.settle({ notes: new Map([[REBASING_NOTE, next]]) });
  }
  // Each went into a queue of its own and back.
  return moved / 2;
}

interface Move {
  readonly from: string;
  readonly to: string;
  /** Only what lies in it; all without one. */
  readonly era?: Era;
  change(record: StoredRecord): StoredRecord;
}

async function moveAll(store: Store, { from, to, era, change }: Move): Promise<number> {
  let moved = 0;
  for (;;) {
    const start = era === undefined ? {} : { after: { score: era.from, id: "" }, before: era.to };
    const records = await store.read(from, { ...start, limit: PAGE });
    if (records.length === 0) return moved;
    const changed = records.map(change).map(({ score, id, value }) => ({ score, id, value: value ?? "" }));
    await store.settle({
      remove: [{ queue: from, records }],
      add: [{ queue: to, records: changed }],
    });
    moved += records.length;
  }
}

function shifted({ score, id, value }: StoredRecord, { by }: Era): StoredRecord {
  return { score: score + by, id, value: value === undefined ? undefined : shiftedValue(value, by) };
}

/** Raw metrics carry a timestamp, ready ones points, logs a date. */
function shiftedValue(value: string, by: Seconds): string {
  try {
    const record: unknown = JSON.parse(value);
    if (typeof record !== "object" || record === null) return value;
    const { timestamp, points, date } = record as Readonly<Record<string, unknown>>;
    return JSON.stringify({
      ...record,
      ...(typeof timestamp === "number" ? { timestamp: timestamp + by } : {}),
      ...(Array.isArray(points) ? { points: points.map((point) => shiftedPoint(point, by)) } : {}),
      ...(typeof date === "string" ? { date: shiftedDate(date, by) } : {}),
    });
  } catch {
    return value;
  }
}

function shiftedPoint(point: unknown, by: Seconds): unknown {
  return Array.isArray(point) && typeof point[0] === "number" ? [point[0] + by, ...point.slice(1)] : point;
}

function shiftedDate(date: string, by: Seconds): string {
  const time = Date.parse(date);
  return Number.isNaN(time) ? date : new Date(time + by * 1000).toISOString();
}
