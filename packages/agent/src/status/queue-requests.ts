/**
 * What a person may ask of the queues: to list them, look into them, put back what was set aside, throw away.
 *
 * Promises: what is put back or thrown away is counted in the step that does it. Records that the agent takes
 * in that very moment may be counted twice, as taken and as thrown away; none is lost uncounted.
 */
import {
  fateCounter,
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
  /** Records that were put back or thrown away, and those that couldn't be. */
  | { readonly kind: "done"; readonly records: number; readonly left: number };

const PAGE = 1_000;

/** Rejects where the store does: what was done until then stays done. */
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
      count: new Map([[fateCounter(queue, "purged"), page.length]]),
    });
    records += page.length;
  }
  return { kind: "done", records, left: 0 };
}

async function requeue(store: Store, names: QueueNames, now: number): Promise<QueueAnswer> {
  let [records, left] = [0, 0];
  for await (const page of pagesAsOfNow(store, names.rejected)) {
    const backs = page.flatMap((record) => back(record, names, now) ?? []);
    records += backs.length;
    left += page.length - backs.length;
    if (backs.length > 0) await putBack(store, names, backs);
  }
  return { kind: "done", records, left };
}

interface Back {
  readonly rejected: Position;
  readonly queue: string;
  readonly record: NewRecord;
}

async function putBack(store: Store, names: QueueNames, backs: readonly Back[]): Promise<void> {
  const count = new Map([[fateCounter(names.rejected, "requeued"), backs.length]]);
  for (const { queue } of backs) {
    // What clients write isn't counted as they write it, and neither is what is put back among it.
    if (queue !== names.readyMetrics) continue;
    const counter = fateCounter(queue, "accepted");
    count.set(counter, (count.get(counter) ?? 0) + 1);
  }
  await store.settle({
    remove: [{ queue: names.rejected, records: backs.map(({ rejected }) => rejected) }],
    add: backs.map(({ queue, record }) => ({ queue, records: [record] })),
    count,
  });
}

/** Where a rejected record goes back to; undefined where it came without a value or from no queue of ours. */
function back(record: StoredRecord, names: QueueNames, now: number): Back | undefined {
  const rejected = record.value === undefined ? undefined : decodeRejected(record.value);
  if (rejected === undefined || rejected.value === null) return undefined;
  const { queue, value } = rejected;
  // A ready metric's id says whose place it takes; any other record may share its former id with a newer one.
  const id = (queue === names.readyMetrics ? rejected.id : undefined) ?? record.id;
  const origins: readonly string[] = [names.rawMetrics, names.readyMetrics, names.logs];
  if (!origins.includes(queue)) return undefined;
  return { rejected: record, queue, record: { id, value, score: timeOf(value) ?? now } };
}

/** The time in seconds that a record of any queue speaks of; undefined where it can't be read. */
function timeOf(value: Rejected["value"]): number | undefined {
  try {
    const { timestamp, points, date } = JSON.parse(value ?? "");
    const time = timestamp ?? points?.[0]?.[0] ?? Date.parse(date) / 1000;
    return typeof time === "number" && Number.isFinite(time) ? time : undefined;
  } catch {
    return undefined;
  }
}

/** A queue's records page by page, without what comes while they are worked on. */
async function* pagesAsOfNow(store: Store, queue: string): AsyncGenerator<Page> {
  let remaining = await store.size(queue);
  if (remaining === 0) return;
  for await (const page of pages(store, queue, { limit: () => Math.min(PAGE, remaining) })) {
    remaining -= page.length;
    yield page;
    if (remaining <= 0) return;
  }
}
