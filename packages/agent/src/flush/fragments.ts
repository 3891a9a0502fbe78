/**
 * Fragments: ready metrics of windows that another agent, the Python one, has left in the queue.
 *
 * Datadog keeps one value per series and second. If a window has fragments, this agent's emissions of it go to the seconds
 * after them. A count, gauge or rate in the window's last second is treated like this agent's own part of that second,
 * which is sent again whole.
 *
 * Promises: the window's state is changed before the window is emitted, so this also holds after a crash.
 * What it loses: if both agents have a set or histogram in a window's last second, Datadog keeps one of the two values.
 * Likewise for values there beyond {@link MAX_FRAGMENTS_LENGTH}.
 */
import { type Position, pages, type QueueNames, type Store, type StoredRecord } from "@chouette-iot/queue";
import {
  canonicalTags,
  decodeReadyMetric,
  metricName,
  type ReadyMetric,
  type Seconds,
  seconds,
} from "@chouette-iot/record";
import { type Context, newContext } from "../aggregation/context.js";
import { type SavedContext, saveContexts } from "../aggregation/saved-contexts.js";
import type { WindowSpan } from "../aggregation/window.js";
import { isOwnReady } from "../runtime/ready-ids.js";
import { untouched, type WindowState } from "./window-state.js";
import type { WindowStates } from "./window-states.js";

const PAGE = 1_000;
/** Total length of the records, in characters, whose contexts are kept for last seconds: all of them are in memory. */
const MAX_FRAGMENTS_LENGTH = 4 * 1024 * 1024;

interface Claim {
  readonly states: WindowStates;
  /** `["key:value", …]` of every series. */
  readonly globalTags: readonly string[];
}

interface Found {
  readonly windows: Map<Seconds, Fragments>;
  /** Total length of the records in last seconds, in characters. */
  keptLength: number;
}

interface Fragments {
  readonly window: WindowSpan;
  /** The last second with a fragment, counted from the window's start. */
  last: number;
  readonly inFinalSecond: SavedContext[];
}

/** Stores which seconds are used by fragments, for windows that have no state yet. Rejects if the store does. */
export async function claimFragments(
  store: Store,
  queues: QueueNames,
  states: WindowStates,
  globalTags: readonly string[],
): Promise<void> {
  const found = await findFragments(store, queues.readyMetrics, { states, globalTags });
  if (found.size === 0) return;
  const written = [...found.values()].map(({ window, last, inFinalSecond }) => {
    const state: WindowState = {
      ...untouched(window.interval),
      emitted: Math.min(last + 1, window.interval - 1),
      hasFinalSecond: inFinalSecond.length > 0,
    };
    return { start: window.start, state, inFinalSecond };
  });
  await store.settle({
    onlyWhile: states.expected(written.map(({ start }) => start)),
    state: new Map(
      written.flatMap(({ start, state, inFinalSecond }) => [
        states.entry(start, state),
        ...(state.hasFinalSecond
          ? [[states.finalSecondKey(start), saveContexts(inFinalSecond)] as const]
          : []),
      ]),
    ),
  });
  for (const { start, state } of written) states.set(start, state);
}

async function findFragments(
  store: Store,
  queue: string,
  claim: Claim,
): Promise<ReadonlyMap<Seconds, Fragments>> {
  const found: Found = { windows: new Map(), keptLength: 0 };
  // Skip this agent's own backlog: its windows have state.
  const resumeAfter = (last: Position) => {
    const next = endOfKnown(seconds(last.score), claim.states);
    return next > last.score ? { score: next, id: "" } : last;
  };
  for await (const page of pages(store, queue, { limit: PAGE, resumeAfter })) {
    for (const record of page) {
      if (!isOwnReady(record.id)) addFragment(record, claim, found);
    }
  }
  return found.windows;
}

/** The end of the windows with state that follow each other without a gap from this time on. */
function endOfKnown(time: Seconds, states: WindowStates): Seconds {
  let end = time;
  for (;;) {
    const { start, interval } = states.grid.windowAt(end);
    if (!states.has(start)) return end;
    end = seconds(start + interval);
  }
}

function addFragment({ id, value = "" }: StoredRecord, { states, globalTags }: Claim, found: Found): void {
  const decoded = decodeReadyMetric(value);
  if (!decoded.ok) return;
  for (const [time, sum] of decoded.value.points) {
    // Rounded as when it is sent: the Python agent's timestamps have fractions.
    const second = seconds(Math.floor(time));
    const window = states.grid.windowAt(second);
    if (!Number.isSafeInteger(second) || states.has(window.start)) continue;
    const fragments = found.windows.get(window.start) ?? { window, last: 0, inFinalSecond: [] };
    found.windows.set(window.start, fragments);
    const place = second - window.start;
    fragments.last = Math.max(fragments.last, place);
    if (place < window.interval - 1 || found.keptLength + value.length > MAX_FRAGMENTS_LENGTH) continue;
    const context = contextOf(decoded.value, sum, { at: second, window, globalTags });
    if (context === undefined) continue;
    found.keptLength += value.length;
    fragments.inFinalSecond.push({ context, readyIds: [id] });
  }
}

/** The context that the ready metric was made from; undefined if that can't be determined. */
function contextOf(
  { metric, type, tags, interval, points }: ReadyMetric,
  value: number,
  {
    at,
    window,
    globalTags,
  }: { readonly at: Seconds; readonly window: WindowSpan; readonly globalTags: readonly string[] },
): Context | undefined {
  // A record of several points can't be replaced because of one of them.
  if (points.length !== 1) return undefined;
  const context = newContext({ metric: metricName(metric), type, tags: canonicalTags(tags, globalTags) });
  switch (context.type) {
    case "count":
      context.sum.total = value;
      return context;
    case "rate":
      context.sum.total = value * (interval ?? window.interval);
      context.sum.samples = 1;
      return context;
    case "gauge":
      context.sum.latest = value;
      context.sum.at = at;
      context.sum.total = value;
      context.sum.samples = 1;
      return context;
    case "set":
    case "histogram":
    case "distribution":
      return undefined;
    default:
      return context satisfies never;
  }
}
