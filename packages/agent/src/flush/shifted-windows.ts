/**
 * What becomes of windows' state when the clock was wrong: they move with the records that they describe.
 *
 * Only a window of which nothing was sent moves. What was sent stays at its second, and so does its window, with what
 * still waits of it: anything else could be written over at Datadog, or count twice. A window whose place is taken by one
 * that stays doesn't move either. So the time of a few ready metrics may stay wrong, and no sum is.
 */
import { type Position, pages, type QueueNames, type Store } from "@chouette-iot/queue";
import { type Seconds, seconds } from "@chouette-iot/record";
import { shiftContexts } from "../aggregation/saved-contexts.js";
import type { WindowSpan } from "../aggregation/window.js";
import { isOfFlush } from "../runtime/ready-ids.js";
import {
  decodeWindowState,
  finalSecondPrefix,
  forgottenKey,
  gaugesPrefix,
  partsPrefix,
  type WindowState,
  windowStatePrefix,
} from "./window-state.js";

export interface Shift {
  /** From this time, included, to the other, excluded. */
  readonly from: Seconds;
  readonly to: Seconds;
  /** What to add to the times of the range. */
  readonly by: Seconds;
}

export interface ShiftedWindows {
  /** What a settlement writes. A WindowStates that has loaded them must forget them then. */
  readonly state: ReadonlyMap<string, string | undefined>;
  /** Windows that stay although some of their ready metrics wait: these stay as well. In order. */
  readonly staying: readonly WindowSpan[];
}

interface StoredWindow extends WindowSpan {
  readonly state: WindowState;
}

const PAGE = 2_000;

/**
 * Nobody may send ready metrics meanwhile, nor before they are moved.
 *
 * @param shiftedId the id of a ready metric once it is moved as well
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

/** Whether a ready metric is one of those that stay. @param staying in order */
export function isStaying({ id, score }: Position, staying: readonly WindowSpan[]): boolean {
  return staying.length > 0 && isOfFlush(id) && windowAt(score, staying) !== undefined;
}

/** In order. No two of them share a second. */
async function storedWindows(store: Store, queue: string): Promise<readonly StoredWindow[]> {
  const prefix = windowStatePrefix(queue);
  const windows = [...(await store.stateWithPrefix(prefix))].map(([key, text]): StoredWindow => {
    const state = decodeWindowState(text, seconds(1));
    return { start: seconds(Number(key.slice(prefix.length))), interval: state.interval, state };
  });
  return windows.filter(({ start }) => Number.isInteger(start)).sort((a, b) => a.start - b.start);
}

/** How many ready metrics that the flush made wait, by the start of their window. */
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

/** The starts of those windows that may move and whose places aren't taken by one that stays. */
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
  // By a clock that was wrong, the wrong windows may have been forgotten.
  const moved = new Map<string, string | undefined>([[forgottenKey(queue), undefined]]);
  const written = new Map<string, string>();
  const same = (text: string) => text;
  const shiftedContexts = (text: string) => shiftContexts(text, by, shiftedId);
  for (const [prefix, shiftedText] of [
    [windowStatePrefix(queue), same],
    [partsPrefix(queue), shiftedContexts],
    [finalSecondPrefix(queue), shiftedContexts],
    [gaugesPrefix(queue), same],
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

/** The last of these windows that begins by this time, if it ends after it, or after the other. @param windows in order */
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
