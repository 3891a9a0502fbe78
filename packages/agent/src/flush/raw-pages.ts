/** The pages of the raw queue that a flush reads: small enough not to block the event loop for long. */
import { type Page, pages, type Store } from "@chouette-iot/queue";
import type { Seconds } from "@chouette-iot/record";

/** Records per page: more would block the event loop longer and gain little. */
const MAX_RECORDS = 2_000;
/** Total length that a page's records should have, in characters. */
const PAGE_LENGTH = 512 * 1024;
/** Records of the first page, before the records' length is known. */
const FIRST_RECORDS = 200;

/** The records with a score, in seconds, before `before`, in order. The next page is read while one is processed. */
export function pagesBefore(before: Seconds, store: Store, queue: string): AsyncGenerator<Page> {
  return pages(store, queue, { before, limit: limitAfter, readsAhead: true });
}

/** How many records fill the next page if they are as long as this page's. */
function limitAfter(page: Page | undefined): number {
  if (page === undefined) return FIRST_RECORDS;
  const length = page.reduce((sum, { value = "" }) => sum + value.length, 0);
  return Math.min(MAX_RECORDS, Math.ceil((PAGE_LENGTH * page.length) / length));
}
