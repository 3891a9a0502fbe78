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

/** Rejects if the store does; pages settled before that stay settled. */
export async function askQueues(
  store: Store,
  names: QueueNames,
  request: QueueRequest,
  now: number,
): Promise<QueueAnswer> {
  switch (request.kind) {
    case "list": {
      const sizes = await Promise.all(Object.values(names).map((name: string) => store.size(name)));
      return {
        kind: "list",
        queues: Object.values(names).map((name: string, index) => ({ name, records: sizes[index] ?? 0 })),
      };
    }
    case "peek": {
      const records = await store.read(names[request.queue], { limit: request.limit });
      return { kind: "peek", records };
    }
    case "purge":
      return purge(store, names[request.queue]);
    case "requeue":
      return requeue(store, names, now);
  }
}

async function purge(store: Store, queue: string): Promise<QueueAnswer> {
  let records = 0;
  for await (const page of pagesAsOfNow(store, queue)) {
    await store.settle({
      remove: [{ queue, records: page }],
      count: new Map([[counterName(queue, "purged"), page.length]]),
    });
    records += page.length;
  }
  return { kind: "done", verb: "purged", records, left: 0 };
}

async function requeue(store: Store, names: QueueNames, now: number): Promise<QueueAnswer> {
  let [records, left] = [0, 0];
  for await (const page of pagesAsOfNow(store, names.rejected)) {
    const requeued = page.flatMap((record) => toRequeue(record, names, now) ?? []);
    records += requeued.length;
    left += page.length - requeued.length;
    if (requeued.length > 0) await settleRequeued(store, names, requeued);
  }
  return { kind: "done", verb: "requeued", records, left };
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
