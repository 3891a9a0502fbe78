/** The pages of the raw queue that a flush works off: as many records as hold the event loop for a moment only. */
import { type Page, pages, type Store } from "@chouette-iot/queue";
import type { Seconds } from "@chouette-iot/record";

/** More would hold the event loop longer and gain little. */
const MAX_RECORDS = 2_000;
/** Characters that the records of a page should have together. */
const PAGE_LENGTH = 512 * 1024;
/** Of a queue whose records' length isn't known yet. */
const FIRST_RECORDS = 200;

/** The records whose score, in seconds, is before this, in order; each next page is under way while one is worked on. */
export function pagesBefore(before: Seconds, store: Store, queue: string): AsyncGenerator<Page> {
  return pages(store, queue, { before, limit: limitAfter, readsAhead: true });
}

/** How many records fill the next page, if they are as long as those of this one. */
function limitAfter(page: Page | undefined): number {
  if (page === undefined) return FIRST_RECORDS;
  const length = page.reduce((sum, { value = "" }) => sum + value.length, 0);
  return Math.min(MAX_RECORDS, Math.ceil((PAGE_LENGTH * page.length) / length));
}
