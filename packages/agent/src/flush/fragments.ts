/**
 * What another agent, the Python one, left in the ready queue.
 *
 * Datadog keeps one value for a series and second. If a window has ready metrics there that this agent didn't make, its own
 * emissions go to the seconds behind them. A count, gauge or rate in the window's last second is taken for the agent's
 * own part of that second, which is sent again whole.
 *
 * Promises: it changes the window's state before any of the window is emitted, so that it holds after a crash as well.
 * What it can't help: a set or histogram of both agents in a window's last second, of which Datadog keeps one. Nor a
 * value there beyond {@link MAX_FRAGMENTS_LENGTH}, which the agent's own replaces.
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
import type { WindowState, WindowStates } from "./window-state.js";

const PAGE = 1_000;
/** In characters of the records, of which contexts of last seconds are kept: they are all in memory at once. */
const MAX_FRAGMENTS_LENGTH = 4 * 1024 * 1024;

interface Claim {
  readonly states: WindowStates;
  /** `["key:value", …]` of every series. */
  readonly globalTags: readonly string[];
}

interface Found {
  readonly windows: Map<Seconds, Fragments>;
  /** In characters of the records, of all that is in a last second. */
  keptLength: number;
}

interface Fragments {
  readonly window: WindowSpan;
  /** The last second, after the window's start, that one of them is in. */
  last: number;
  readonly inFinalSecond: SavedContext[];
}

/** Stores which seconds are taken, of windows that have no state yet. Rejects if the store does. */
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
      interval: window.interval,
      emitted: Math.min(last + 1, window.interval - 1),
      hasParts: false,
      ready: 0,
      hasFinalSecond: inFinalSecond.length > 0,
      hasGauges: false,
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
  // This agent's own backlog is in windows that it has the state of: it isn't read through.
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

/** The end of the windows with state that follow each other from this time on. */
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
    // As it is sent: what the Python agent left has fractions.
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

/** The context that this would have been made of; undefined if it can't be known. */
function contextOf(
  { metric, type, tags, interval, points }: ReadyMetric,
  value: number,
  {
    at,
    window,
    globalTags,
  }: { readonly at: Seconds; readonly window: WindowSpan; readonly globalTags: readonly string[] },
): Context | undefined {
  // A record of several points can't leave for the sake of one.
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
