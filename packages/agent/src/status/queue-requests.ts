/**
 * The requests of `chouette queue`: list queues, show records, requeue dead letters, purge a queue.
 *
 * Promises: requeued and purged records are counted in the settlement that moves them. Records that the agent settles at the
 * same time may be counted twice, as processed and as purged; no loss is uncounted.
 */
import {
  counterName,
  type NewRecord,
  type Page,
  type Position,
  pages,
  type QueueNames,
  type Store,
  type StoredRecord,
} from "@chouette-iot/queue";
import { decodeRejected, type Rejected } from "@chouette-iot/record";
import type { StatusShard } from "./store-snapshot.js";
import { plainName } from "./sums.js";

export type QueueName = keyof QueueNames;

export type QueueRequest =
  | { readonly kind: "list" }
  | { readonly kind: "peek"; readonly queue: QueueName; readonly limit: number }
  | { readonly kind: "requeue" }
  | { readonly kind: "purge"; readonly queue: QueueName };

export type QueueAnswer =
  | { readonly kind: "list"; readonly queues: readonly { readonly name: string; readonly records: number }[] }
  | { readonly kind: "peek"; readonly records: readonly StoredRecord[] }
  /** Records that were requeued or purged, and those that couldn't be. */
  | {
      readonly kind: "done";
      readonly verb: "requeued" | "purged";
      readonly records: number;
      readonly left: number;
    };

const PAGE = 1_000;

/**
 * Rejects if the store does; pages settled before that stay settled.
 *
 * @param shards at least one; the answer is about all of them
 */
export async function askQueues(
  shards: readonly AskedShard[],
  request: QueueRequest,
  now: number,
): Promise<QueueAnswer> {
  switch (request.kind) {
    case "list":
      return list(shards);
    case "peek": {
      const { queue, limit } = request;
      const pages = await Promise.all(
        shards.map(({ store, queues }) => store.read(queues[queue], { limit })),
      );
      const [only = [], ...others] = pages;
      if (others.length === 0) return { kind: "peek", records: only };
      const records = pages.flat().sort((a, b) => a.score - b.score);
      return { kind: "peek", records: records.slice(0, limit) };
    }
    case "purge":
      return inEach(shards, "purged", ({ store, queues }) => purge(store, queues[request.queue]));
    case "requeue":
      return inEach(shards, "requeued", ({ store, queues }) => requeue(store, queues, now));
  }
}

type AskedShard = Pick<StatusShard, "store" | "queues">;

async function list(shards: readonly AskedShard[]): Promise<QueueAnswer> {
  const kinds = Object.keys(shards[0]?.queues ?? {}) as QueueName[];
  const queues = kinds.map(async (kind) => {
    const sizes = await Promise.all(shards.map(({ store, queues }) => store.size(queues[kind])));
    const records = sizes.reduce((sum, size) => sum + size, 0);
    return { name: plainName(shards[0]?.queues[kind] ?? ""), records };
  });
  return { kind: "list", queues: await Promise.all(queues) };
}

async function inEach(
  shards: readonly AskedShard[],
  verb: "requeued" | "purged",
  change: (shard: AskedShard) => Promise<Changed>,
): Promise<QueueAnswer> {
  let [records, left] = [0, 0];
  for (const shard of shards) {
    const changed = await change(shard);
    records += changed.records;
    left += changed.left;
  }
  return { kind: "done", verb, records, left };
}

/** Records that were changed, and those that couldn't be. */
type Changed = Pick<Extract<QueueAnswer, { kind: "done" }>, "records" | "left">;

async function purge(store: Store, queue: string): Promise<Changed> {
  let records = 0;
  for await (const page of pagesAsOfNow(store, queue)) {
    await store.settle({
      remove: [{ queue, records: page }],
      count: new Map([[counterName(queue, "purged"), page.length]]),
    });
    records += page.length;
  }
  return { records, left: 0 };
}

async function requeue(store: Store, names: QueueNames, now: number): Promise<Changed> {
  let [records, left] = [0, 0];
  for await (const page of pagesAsOfNow(store, names.rejected)) {
    const requeued = page.flatMap((record) => toRequeue(record, names, now) ?? []);
    records += requeued.length;
    left += page.length - requeued.length;
    if (requeued.length > 0) await settleRequeued(store, names, requeued);
  }
  return { records, left };
}

interface Requeued {
  readonly rejected: Position;
  readonly queue: string;
  readonly record: NewRecord;
}

async function settleRequeued(store: Store, names: QueueNames, requeued: readonly Requeued[]): Promise<void> {
  const count = new Map([[counterName(names.rejected, "requeued"), requeued.length]]);
  for (const { queue } of requeued) {
    // Raw records and logs aren't counted when they are appended.
    if (queue !== names.readyMetrics) continue;
    const counter = counterName(queue, "accepted");
    count.set(counter, (count.get(counter) ?? 0) + 1);
  }
  await store.settle({
    remove: [{ queue: names.rejected, records: requeued.map(({ rejected }) => rejected) }],
    add: requeued.map(({ queue, record }) => ({ queue, records: [record] })),
    count,
  });
}

/** How a dead letter is requeued; undefined if it has no value or is from an unknown queue. */
function toRequeue(record: StoredRecord, names: QueueNames, now: number): Requeued | undefined {
  const rejected = record.value === undefined ? undefined : decodeRejected(record.value);
  if (rejected === undefined || rejected.value === null) return undefined;
  const { queue, value } = rejected;
  // A ready metric keeps its id, which identifies its window. Other former ids may be in use again.
  const id = (queue === names.readyMetrics ? rejected.id : undefined) ?? record.id;
  const origins: readonly string[] = [names.rawMetrics, names.readyMetrics, names.logs];
  if (!origins.includes(queue)) return undefined;
  return { rejected: record, queue, record: { id, value, score: timeOf(value) ?? now } };
}

/** The Unix time of a record of any queue; undefined if it can't be read. */
function timeOf(value: Rejected["value"]): number | undefined {
  try {
    const { timestamp, points, date } = JSON.parse(value ?? "");
    const time = timestamp ?? points?.[0]?.[0] ?? Date.parse(date) / 1000;
    return typeof time === "number" && Number.isFinite(time) ? time : undefined;
  } catch {
    return undefined;
  }
}

/** A queue's records in pages, without those that arrive meanwhile. */
async function* pagesAsOfNow(store: Store, queue: string): AsyncGenerator<Page> {
  let remaining = await store.size(queue);
  if (remaining === 0) return;
  for await (const page of pages(store, queue, { limit: () => Math.min(PAGE, remaining) })) {
    remaining -= page.length;
    yield page;
    if (remaining <= 0) return;
  }
}
