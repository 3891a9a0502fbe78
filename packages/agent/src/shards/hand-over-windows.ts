/**
 * Hands the windows of a store without shards over to its shards, when an agent begins to route that store's records.
 *
 * Late records of a window that was emitted before then go to its next second, in their shard. Parts of windows that weren't
 * emitted yet become raw records again, in the settlement that forgets the window.
 *
 * Promises: after a crash, the next holder of the lease continues, and no record counts twice.
 */
import type { QueueNames, Store } from "@chouette-iot/queue";
import { type Seconds, shardOf } from "@chouette-iot/record";
import { rawRecords } from "../aggregation/raw-records.js";
import { restoreContexts } from "../aggregation/saved-contexts.js";
import { carryWindows, readWindows, type StoredWindow, type WindowStore } from "../flush/carried-windows.js";
import { rejectKept } from "../flush/rejections.js";
import { windowKeys } from "../flush/window-state.js";
import { groupBy } from "../runtime/group-by.js";

export interface HandOverOptions {
  readonly store: Store;
  readonly queues: QueueNames;
  /** In their order. */
  readonly shards: readonly WindowStore[];
  /** Length of a window, for state of earlier versions. */
  readonly interval: Seconds;
  readonly now: Seconds;
}

/** Rejects if a store does; then it must be called again. */
export async function handOverWindows(options: HandOverOptions): Promise<void> {
  const { store, queues, shards, interval } = options;
  const windows = await readWindows({ store, queues }, interval);
  if (windows.size === 0) return;
  await carryWindows([{ store, queues }], shards, interval);
  for (const window of windows.values()) await forget(window, options);
}

async function forget(
  { start, state, text }: StoredWindow,
  { store, queues, shards, now }: HandOverOptions,
): Promise<void> {
  const { rawMetrics, rejected } = queues;
  const keys = windowKeys(rawMetrics);
  const [stateKey, partsKey] = [`${keys.state}${start}`, `${keys.parts}${start}`];
  const others = [`${keys.finalSecond}${start}`, `${keys.gauges}${start}`];
  const [parts] = state.hasParts ? await store.state([partsKey]) : [];
  const restored = restoreContexts(parts, []);
  const letters = restored.ok ? [] : [rejectKept(parts ?? "", restored.reason, start, queues, now)];
  const records = (restored.ok ? restored.value : [])
    .flatMap(({ context }) => rawRecords(context, start).map((value) => ({ metric: context.metric, value })))
    .map((record, index) => ({ ...record, score: start, id: `parts.${start}.${index}` }));
  const byShard = groupBy(
    records,
    ({ metric }) => shards[shardOf(metric, shards.length)]?.queues.rawMetrics ?? rawMetrics,
  );
  await store.settle({
    onlyWhile: new Map([[stateKey, text]]),
    state: new Map([stateKey, partsKey, ...others].map((key) => [key, undefined])),
    add: [
      ...[...byShard].map(([queue, records]) => ({ queue, records })),
      { queue: rejected, records: letters },
    ],
    count: new Map(letters.length === 0 ? [] : [[`${rejected}:accepted`, letters.length]]),
  });
}
