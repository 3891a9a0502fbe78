/**
 * Reads through a queue page by page.
 *
 * Promises: what it holds is bounded by a number of records and, roughly, by their length, whatever the queue holds. It
 * ends: only an empty page is the end of a queue, and a page that doesn't advance is an error.
 */
import type { Position, Store, StoredRecord } from "@chouette-iot/queue";
import type { Seconds } from "@chouette-iot/record";

/** More would hold the event loop longer and gain little. */
const MAX_RECORDS = 2_000;
/** Characters that the records of a page should have together. */
const PAGE_LENGTH = 512 * 1024;
/** Of a queue whose records' length isn't known yet. */
const FIRST_RECORDS = 200;

interface Range {
  readonly after?: Position;
  /** Only records whose score, in seconds, is less than this. */
  readonly before?: number;
}

/** The records whose score, in seconds, is before this, in order; each next page is under way while one is worked on. */
export async function* pagesBefore(
  before: Seconds,
  store: Store,
  queue: string,
): AsyncGenerator<readonly StoredRecord[]> {
  yield* pagesOf(store, queue, { before }, limitAfter, true);
}

/**
 * The records of this range, in order. Rejects where the store does.
 * @param limit of the next page's records, after this one; undefined before the first
 * @param readsAhead whether the next page may be read before this one is worked off
 */
export async function* pagesOf(
  store: Store,
  queue: string,
  range: Range,
  limit: (page: readonly StoredRecord[] | undefined) => number,
  readsAhead = false,
): AsyncGenerator<readonly StoredRecord[]> {
  const read = (after: Position | undefined, records: number) => {
    const page = store.read(queue, { ...range, ...(after === undefined ? {} : { after }), limit: records });
    // Awaited in the next round, if there is one: till then nobody else would hear it fail.
    page.catch(() => {});
    return page;
  };
  let next = read(range.after, limit(undefined));
  let before = range.after;
  for (;;) {
    const page = await next;
    const after = page.at(-1);
    if (after === undefined) return;
    if (before !== undefined && after.score === before.score && after.id === before.id)
      throw new Error(`${queue} can't be read past the record ${JSON.stringify(after.id)}`);
    before = after;
    const records = limit(page);
    if (readsAhead) next = read(after, records);
    yield page;
    if (!readsAhead) next = read(after, records);
  }
}

/** How many records fill the next page, where they are as long as those of this one. */
function limitAfter(page: readonly StoredRecord[] | undefined): number {
  if (page === undefined) return FIRST_RECORDS;
  const length = page.reduce((sum, { value = "" }) => sum + value.length, 0);
  return Math.min(MAX_RECORDS, Math.ceil((PAGE_LENGTH * page.length) / length));
}
