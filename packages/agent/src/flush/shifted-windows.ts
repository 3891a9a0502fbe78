/**
 * Moves the windows' state together with their records after a wrong clock was set.
 *
 * Only a window of which nothing was sent moves. If some of it was sent, the window stays, with its unsent ready metrics:
 * otherwise values at Datadog could be overwritten or counted twice. A window whose new place overlaps one that stays doesn't
 * move, either. So the time of a few ready metrics may stay wrong, but no sum does.
 */
import { type Position, pages, type QueueNames, type Store } from "@chouette-iot/queue";
import { type Seconds, seconds } from "@chouette-iot/record";
import { shiftContexts } from "../aggregation/saved-contexts.js";
import type { WindowSpan } from "../aggregation/window.js";
import { isOfFlush } from "../runtime/ready-ids.js";
import { decodeWindowState, type WindowState, windowKeys } from "./window-state.js";

export interface Shift {
  /** Start of the range, included. */
  readonly from: Seconds;
  /** End of the range, excluded. */
  readonly to: Seconds;
  /** What to add to times in the range. */
  readonly by: Seconds;
}

export interface ShiftedWindows {
  /** To be written in a settlement. A WindowStates that has loaded them must forget them then. */
  readonly state: ReadonlyMap<string, string | undefined>;
  /** Windows that stay and have unsent ready metrics, which stay as well. In order. */
  readonly staying: readonly WindowSpan[];
}

interface StoredWindow extends WindowSpan {
  readonly state: WindowState;
}

const PAGE = 2_000;

/**
 * Plans the shift of all windows in the range. No ready metrics may be sent from now until they are moved.
 *
 * @param shiftedId maps the id of a ready metric to its id after the shift
 */
export async function shiftWindows(
  store: Store,
  { rawMetrics, readyMetrics, sketches }: Pick<QueueNames, "rawMetrics" | "readyMetrics" | "sketches">,
  shift: Shift,
  shiftedId: (id: string) => string,
): Promise<ShiftedWindows> {
  const windows = await storedWindows(store, rawMetrics);
  const waiting = await countWaiting(store, [readyMetrics, sketches], windows, shift);
  const isUnsent = ({ start, state }: StoredWindow) => state.ready === (waiting.get(start) ?? 0);
  const moving = withFreePlaces(windows, shift, (window) => isIn(window, shift) && isUnsent(window));
  const staying = windows.filter((window) => isIn(window, shift) && !moving.has(window.start));
  return {
    state: await shiftedState(store, rawMetrics, shift, moving, shiftedId),
    staying: staying
      .filter(({ start }) => waiting.has(start))
      .map(({ start, interval }) => ({ start, interval })),
  };
}

/** Whether a ready metric belongs to a window that stays. @param staying in order */
export function isStaying({ id, score }: Position, staying: readonly WindowSpan[]): boolean {
  return staying.length > 0 && isOfFlush(id) && windowAt(score, staying) !== undefined;
}

/** In order. No two of them share a second. */
async function storedWindows(store: Store, queue: string): Promise<readonly StoredWindow[]> {
  const prefix = windowKeys(queue).state;
  const windows = [...(await store.stateWithPrefix(prefix))].map(([key, text]): StoredWindow => {
    const state = decodeWindowState(text, seconds(1));
    return { start: seconds(Number(key.slice(prefix.length))), interval: state.interval, state };
  });
  return windows.filter(({ start }) => Number.isInteger(start)).sort((a, b) => a.start - b.start);
}

/** How many of the flush's ready metrics are unsent, by the start of their window. */
async function countWaiting(
  store: Store,
  queues: readonly string[],
  windows: readonly WindowSpan[],
  { from, to }: Shift,
): Promise<ReadonlyMap<Seconds, number>> {
  const waiting = new Map<Seconds, number>();
  const after: Position = { score: from, id: "" };
  for (const queue of queues) {
    for await (const page of pages(store, queue, { after, before: to, limit: PAGE })) {
      for (const { id, score } of page) {
        const window = isOfFlush(id) ? windowAt(score, windows) : undefined;
        if (window !== undefined) waiting.set(window.start, (waiting.get(window.start) ?? 0) + 1);
      }
    }
  }
  return waiting;
}

/** The starts of the windows that may move and whose new places don't overlap one that stays. */
function withFreePlaces(
  windows: readonly StoredWindow[],
  { by }: Shift,
  mayMove: (window: StoredWindow) => boolean,
): ReadonlySet<Seconds> {
  const moving = new Set(windows.filter(mayMove).map(({ start }) => start));
  for (let before = -1; before !== moving.size; ) {
    before = moving.size;
    const staying = windows.filter(({ start }) => !moving.has(start));
    for (const { start, interval } of windows) {
      if (!moving.has(start)) continue;
      const [from, to] = [start + by, start + by + interval];
      if (windowAt(to - 1, staying, from) !== undefined) moving.delete(start);
    }
  }
  return moving;
}

async function shiftedState(
  store: Store,
  queue: string,
  { by }: Shift,
  moving: ReadonlySet<Seconds>,
  shiftedId: (id: string) => string,
): Promise<ReadonlyMap<string, string | undefined>> {
  const keys = windowKeys(queue);
  // By the wrong clock, windows may have been forgotten too early.
  const moved = new Map<string, string | undefined>([[keys.forgotten, undefined]]);
  const written = new Map<string, string>();
  const same = (text: string) => text;
  const shiftedContexts = (text: string) => shiftContexts(text, by, shiftedId);
  for (const [prefix, shiftedText] of [
    [keys.state, same],
    [keys.parts, shiftedContexts],
    [keys.finalSecond, shiftedContexts],
    [keys.gauges, same],
  ] as const) {
    for (const [key, text] of await store.stateWithPrefix(prefix)) {
      const start = seconds(Number(key.slice(prefix.length)));
      if (!moving.has(start)) continue;
      moved.set(key, undefined);
      written.set(`${prefix}${start + by}`, shiftedText(text));
    }
  }
  return new Map([...moved, ...written]);
}

function isIn({ start }: WindowSpan, { from, to }: Shift): boolean {
  return start >= from && start < to;
}

/** The last window that starts by `time`, if it ends after `endsAfter`. @param windows in order */
function windowAt<W extends WindowSpan>(
  time: number,
  windows: readonly W[],
  endsAfter: number = time,
): W | undefined {
  let low = 0;
  let high = windows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((windows[middle]?.start ?? Number.POSITIVE_INFINITY) <= time) low = middle + 1;
    else high = middle;
  }
  const window = windows[low - 1];
  return window !== undefined && window.start + window.interval > endsAfter ? window : undefined;
}
