/**
 * The router: moves raw records of clients without shards, such as the original Python client, to the shards of their metrics.
 *
 * So the records of one series are in one shard, whichever client stored them. All queues are on one server.
 *
 * Promises: each record is moved once, with its id and time: it leaves its queue in the settlement that adds it to the other.
 * A record without a value becomes a dead letter here; any other goes to a shard, whose flush rejects it if it is unusable.
 */
import {
  absentValueReason,
  counterName,
  orphanRejection,
  type Page,
  pages,
  type QueueNames,
  rejection,
  type Store,
  type StoredRecord,
} from "@chouette-iot/queue";
import { decodeRawMetric, shardOf, toSeconds } from "@chouette-iot/record";
import type { WindowStore } from "../flush/carried-windows.js";
import type { Clock } from "../runtime/clock.js";
import { groupBy } from "../runtime/group-by.js";

export interface RouterOptions {
  readonly store: Store;
  readonly queues: QueueNames;
  readonly clock: Clock;
  /** The shards in their order; undefined while records have to wait, since the number of shards changes. */
  targets(): readonly WindowStore[] | undefined;
}

const MAX_RECORDS = 1_000;

/** Moves all records that are in the queue now. Rejects if the store does; records that were moved stay moved. */
export async function route(options: RouterOptions, signal: AbortSignal): Promise<void> {
  const { store, queues, targets } = options;
  // After a reconnect the server may have older data, in which a record is in another queue.
  const onlyInEpoch = store.epoch;
  let remaining = await store.size(queues.rawMetrics);
  if (remaining === 0) return;
  for await (const page of pages(store, queues.rawMetrics, { limit: MAX_RECORDS })) {
    const shards = targets();
    if (shards === undefined || signal.aborted) return;
    await settlePage(page, shards, options, onlyInEpoch);
    remaining -= page.length;
    // Records that keep arriving wait for the next round, which begins at the front.
    if (remaining <= 0) return;
  }
}

async function settlePage(
  page: Page,
  shards: readonly WindowStore[],
  { store, queues, clock }: RouterOptions,
  onlyInEpoch: number,
): Promise<void> {
  const usable = page.filter(hasValue);
  const byShard = groupBy(
    usable,
    ({ value }) => (shards[shardOf(metricIn(value), shards.length)] ?? { queues }).queues.rawMetrics,
  );
  const { rawMetrics } = queues;
  if (usable.length > 0)
    await store.settle({
      onlyInEpoch,
      remove: [{ queue: rawMetrics, records: usable, counter: counterName(rawMetrics, "routed") }],
      add: [...byShard].map(([queue, records]) => ({ queue, records })),
    });
  const absent = page.filter((record) => !hasValue(record));
  if (absent.length === 0) return;
  const letters = absent.map((record) => ({ ...record, reason: absentValueReason(record) }));
  const at = toSeconds(clock.now());
  await store.settle({
    onlyInEpoch,
    ...rejection({ queue: rawMetrics, rejectedQueue: queues.rejected, at }, letters),
  });
}

/** Turns values without an id in the queue's order into dead letters, as the flush does. Rejects if the store does. */
export async function rejectOrphans({ store, queues, clock }: RouterOptions): Promise<void> {
  const orphans = await store.orphans(queues.rawMetrics, MAX_RECORDS);
  if (orphans.length === 0) return;
  const at = toSeconds(clock.now());
  await store.settle(
    orphanRejection({ queue: queues.rawMetrics, rejectedQueue: queues.rejected, at }, orphans),
  );
}

function hasValue(record: StoredRecord): record is StoredRecord & { readonly value: string } {
  return record.value !== undefined;
}

/** The name of a raw metric; an empty text if it is unusable. Read as the flush reads it. */
function metricIn(text: string): string {
  const decoded = decodeRawMetric(text);
  return decoded.ok ? decoded.value.metric : "";
}
