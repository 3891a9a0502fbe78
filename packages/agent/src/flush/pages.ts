/**
 * Reads through a queue page by page, the next page under way while one is worked on.
 *
 * Promises: what it holds is bounded by a number of records and, roughly, by their length, whatever the queue holds.
 */
import type { Position, Store, StoredRecord } from "@chouette-iot/queue";
import type { Seconds } from "@chouette-iot/record";

/** More would hold the event loop longer and gain little. */
const MOST_RECORDS = 2_000;
/** Characters that the records of a page should have together. */
const PAGE_LENGTH = 512 * 1024;
/** Of a queue whose records' length isn't known yet. */
const FIRST_RECORDS = 200;

/** The records whose score, in seconds, is before this, in order. Rejects where the store does. */
export async function* pagesBefore(
  before: Seconds,
  store: Store,
  queue: string,
): AsyncGenerator<readonly StoredRecord[]> {
  const read = (limit: number, from: { readonly after?: Position } = {}) => {
    const page = store.read(queue, { ...from, before, limit });
    // Awaited in the next round, if there is one: till then nobody else would hear it fail.
    page.catch(() => {});
    return page;
  };
  let next = read(FIRST_RECORDS);
  for (;;) {
    const page = await next;
    const after = page.at(-1);
    if (after === undefined) return;
    next = read(limitAfter(page), { after });
    yield page;
  }
}

/** How many records fill the next page, where they are as long as those of this one. */
function limitAfter(page: readonly StoredRecord[]): number {
  const length = page.reduce((sum, { value = "" }) => sum + value.length, 0);
  return Math.min(MOST_RECORDS, Math.ceil((PAGE_LENGTH * page.length) / length));
}
