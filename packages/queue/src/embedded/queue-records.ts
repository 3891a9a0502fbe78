/** The records of a call by queue: grouped, checked and numbered. */
import { MAX_ID_BYTES, type QueueWrite } from "../broker-store.js";
import type { QueueWrites, Written } from "./change.js";

/** Records to store in one queue. */
export interface QueueRecords {
  readonly queue: string;
  readonly records: readonly Written[];
}

export function byQueue(writes: readonly QueueWrite[]): readonly QueueRecords[] {
  const [first] = writes;
  if (first === undefined) return [];
  const { queue } = first;
  if (writes.every((write) => write.queue === queue)) return [{ queue, records: writes }];
  const queues = new Map<string, QueueWrite[]>();
  for (const write of writes) {
    const ofQueue = queues.get(write.queue);
    if (ofQueue === undefined) queues.set(write.queue, [write]);
    else ofQueue.push(write);
  }
  return [...queues].map(([queue, records]) => ({ queue, records }));
}

/** @throws RangeError if an id is too long */
export function checkIds(records: readonly { readonly id: string }[]): void {
  for (const { id } of records) {
    // A character has at most three bytes for each of its units: most ids need no counting.
    if (id.length * 3 <= MAX_ID_BYTES || Buffer.byteLength(id) <= MAX_ID_BYTES) continue;
    throw new RangeError(`an id may have ${MAX_ID_BYTES} bytes, but one has ${Buffer.byteLength(id)}`);
  }
}

/** Gives each record a number. */
export function numbered(writes: readonly QueueRecords[], next: { number: number }): readonly QueueWrites[] {
  return writes.map(({ queue, records }) => {
    const first = next.number;
    next.number += records.length;
    return { queue, first, records };
  });
}
