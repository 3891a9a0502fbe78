/**
 * Carries the state of windows to other shards, when series get another shard: when their number grows, and when a store
 * without shards gets some.
 *
 * A window's next emission must go to a later second than all earlier ones, whichever shard made them. So each shard gets the
 * window with the most emissions of any, the kept contexts of its own series, and the times of all gauges. No shard drops any
 * before it forgets the window: if the carrying fails on the way, the former shards go on, and it is repeated.
 *
 * Promises: repeating it changes nothing. A window whose state changes meanwhile is refused, and it must be repeated.
 */
import type { QueueNames, Store } from "@chouette-iot/queue";
import { contextKey, type Seconds, seconds, shardOf } from "@chouette-iot/record";
import type { Context } from "../aggregation/context.js";
import { GaugeTimes } from "../aggregation/gauge-times.js";
import { restoreContexts, type SavedContext, saveContexts } from "../aggregation/saved-contexts.js";
import { decodeWindowState, type WindowState, windowKeys } from "./window-state.js";

/** A store with the windows of its raw queue. */
export interface WindowStore {
  readonly store: Store;
  readonly queues: Pick<QueueNames, "rawMetrics">;
}

export interface StoredWindow {
  readonly start: Seconds;
  readonly state: WindowState;
  /** The state as stored. */
  readonly text: string;
  readonly last: readonly SavedContext[];
  readonly gauges: string | undefined;
}

/** Windows per settlement. */
const BATCH = 100;

/** Windows by their start. Rejects if the store does. @param interval for state of earlier versions, which has none */
export async function readWindows(
  { store, queues: { rawMetrics } }: WindowStore,
  interval: Seconds,
): Promise<ReadonlyMap<Seconds, StoredWindow>> {
  const keys = windowKeys(rawMetrics);
  const windows = new Map<Seconds, StoredWindow>();
  for (const [key, text] of await store.stateWithPrefix(keys.state)) {
    const start = seconds(Number(key.slice(keys.state.length)));
    if (!Number.isInteger(start)) continue;
    const state = decodeWindowState(text, interval);
    const [last, gauges] =
      state.hasFinalSecond || state.hasGauges
        ? await store.state([`${keys.finalSecond}${start}`, `${keys.gauges}${start}`])
        : [];
    // An unreadable text becomes a dead letter when its window is emitted, and stays there.
    const restored = restoreContexts(last, []);
    windows.set(start, { start, state, text, last: restored.ok ? restored.value : [], gauges });
  }
  return windows;
}

/**
 * @param from stores whose series move
 * @param to all shards in their order, either with all of the former or with none
 */
export async function carryWindows(
  from: readonly WindowStore[],
  to: readonly WindowStore[],
  interval: Seconds,
): Promise<void> {
  const sources = await Promise.all(from.map((source) => copyOf(source, interval)));
  const starts = [...new Set(sources.flatMap(({ windows }) => [...windows.keys()]))];
  // While the number grows, only the former shards emit. A store without shards is read once its shards emit.
  const inUse = from.some((source) => to.includes(source)) ? from : to;
  for (const [shard, target] of to.entries()) {
    const own = await copyOf(target, interval);
    const copies = [own, ...sources.filter(({ source }) => source !== target)];
    const isOurs = ({ metric }: Context) => shardOf(metric, to.length) === shard;
    const carried = starts.flatMap((start) => {
      const windows = copies.flatMap((copy) => copy.windows.get(start) ?? []);
      const before = own.windows.get(start);
      const after = joined(windows, before, contextsAt(start, copies, inUse, isOurs));
      return after === undefined ? [] : [{ start, before, after }];
    });
    for (let at = 0; at < carried.length; at += BATCH) await write(target, carried.slice(at, at + BATCH));
  }
}

/** What a store has of all windows. */
interface Copy {
  readonly source: WindowStore;
  readonly windows: ReadonlyMap<Seconds, StoredWindow>;
}

async function copyOf(source: WindowStore, interval: Seconds): Promise<Copy> {
  return { source, windows: await readWindows(source, interval) };
}

/**
 * The contexts that a shard keeps of a window: its own ones, also those of other shards, and its series' in the others. Of
 * several copies that of the shard in use counts: an earlier attempt may have carried an older one.
 *
 * @param copies the shard's first
 */
function contextsAt(
  start: Seconds,
  copies: readonly Copy[],
  inUse: readonly WindowStore[],
  isOurs: (context: Context) => boolean,
): readonly SavedContext[] {
  const contexts = new Map<string, SavedContext>();
  for (const [index, { source, windows }] of copies.entries())
    for (const saved of windows.get(start)?.last ?? []) {
      const { context } = saved;
      if (index > 0 && !isOurs(context)) continue;
      const key = contextKey(context);
      if (!contexts.has(key) || source === inUse[shardOf(context.metric, inUse.length)])
        contexts.set(key, saved);
    }
  return [...contexts.values()];
}

interface Carried {
  readonly start: Seconds;
  readonly before: StoredWindow | undefined;
  readonly after: Pick<StoredWindow, "state" | "last" | "gauges">;
}

/** The window as a shard needs it; undefined if that has it already. */
function joined(
  windows: readonly StoredWindow[],
  before: StoredWindow | undefined,
  last: readonly SavedContext[],
): Carried["after"] | undefined {
  const [first] = windows;
  if (first === undefined) return undefined;
  const { interval } = (before ?? first).state;
  const emitted = Math.max(...windows.map(({ state }) => state.emitted));
  const gauges = joinedGauges(windows, { start: first.start, interval });
  const state: WindowState = {
    interval,
    emitted,
    // How many ready metrics are in other shards isn't known.
    ready: before?.state.emitted === emitted ? before.state.ready : undefined,
    hasParts: before?.state.hasParts ?? false,
    hasFinalSecond: last.length > 0,
    hasGauges: gauges !== undefined,
    host: (before ?? first).state.host,
  };
  const isSame =
    before !== undefined &&
    JSON.stringify(state) === before.text &&
    gauges === before.gauges &&
    saveContexts(last) === saveContexts(before.last);
  return isSame ? undefined : { state, last, gauges };
}

function joinedGauges(
  windows: readonly StoredWindow[],
  span: Pick<StoredWindow, "start"> & Pick<WindowState, "interval">,
): string | undefined {
  const [first = undefined, ...others] = windows.flatMap(({ gauges }) => gauges ?? []);
  if (others.length === 0) return first;
  const all = new GaugeTimes(span, first);
  for (const text of others) all.join(text);
  return all.toText();
}

async function write(
  { store, queues: { rawMetrics } }: WindowStore,
  batch: readonly Carried[],
): Promise<void> {
  const keys = windowKeys(rawMetrics);
  const key = (start: Seconds) => `${keys.state}${start}`;
  await store.settle({
    onlyWhile: new Map(batch.map(({ start, before }) => [key(start), before?.text])),
    state: new Map(
      batch.flatMap(({ start, after: { state, last, gauges } }) => [
        [key(start), JSON.stringify(state)] as const,
        [`${keys.finalSecond}${start}`, last.length === 0 ? undefined : saveContexts(last)] as const,
        [`${keys.gauges}${start}`, gauges] as const,
      ]),
    ),
  });
}
