/**
 * Batches that move from one queue to another while something is killed: confirmed ones must exist afterwards, and each
 * batch completely or not at all.
 */
import type { Store } from "@chouette-iot/queue";
import { expect } from "vitest";
import { OTHER, QUEUE } from "./records.js";
import { readAll } from "./subject.js";

/** Records a batch; a settled one becomes {@link READY_BATCH} ready ones. */
export const BATCH = 40;
const READY_BATCH = 3;

/** Called with the number of each batch that was confirmed. */
export interface Confirmed {
  appended(batch: number): void;
  settled(batch: number): void;
}

/** Appends batches, whose number is their score, and settles every odd one, until the store refuses. */
export async function moveBatches(store: Store, first: number, confirmed: Confirmed): Promise<never> {
  for (let batch = first; ; batch++) {
    const records = Array.from({ length: BATCH }, (_, index) => ({
      score: batch,
      id: `${batch}-${index}`,
      value: JSON.stringify({ batch }),
    }));
    await store.append(QUEUE, records);
    confirmed.appended(batch);
    if (batch % 2 === 0) continue;
    await store.settle({
      remove: [{ queue: QUEUE, records }],
      add: [{ queue: OTHER, records: records.slice(0, READY_BATCH) }],
      count: new Map([["aggregated", BATCH]]),
    });
    confirmed.settled(batch);
  }
}

/** Checks that each batch exists completely or not at all, and in the queue in which it was confirmed. */
export async function expectWhole(
  store: Store,
  appended: ReadonlySet<number>,
  settled: ReadonlySet<number>,
): Promise<void> {
  const waiting = sizesByScore(await readAll(store, QUEUE));
  const ready = sizesByScore(await readAll(store, OTHER));
  expect([...waiting.values()].filter((size) => size !== BATCH)).toEqual([]);
  expect([...ready.values()].filter((size) => size !== READY_BATCH)).toEqual([]);
  expect([...appended].filter((batch) => waiting.has(batch) === ready.has(batch))).toEqual([]);
  expect([...settled].filter((batch) => !ready.has(batch))).toEqual([]);
  expect((await store.counters()).get("aggregated") ?? 0).toBe(BATCH * ready.size);
}

function sizesByScore(records: readonly { readonly score: number }[]): ReadonlyMap<number, number> {
  const sizes = new Map<number, number>();
  for (const { score } of records) sizes.set(score, (sizes.get(score) ?? 0) + 1);
  return sizes;
}
