/**
 * Reads through a queue page by page. Everything that processes, counts or inspects a queue uses this loop.
 *
 * Promises: it ends. Each page starts after the last record of the previous one, so a record that could not be removed
 * isn't read again; only an empty page ends a queue; a page that doesn't advance is an error, not an endless loop.
 * Memory holds one page, or two with `readsAhead`; the store bounds their bytes.
 */
import type { Orphan, Position, Store, StoredRecord } from "./store.js";
import { StoreError } from "./store-error.js";

/** Records, at least one. */
export type Page = readonly [StoredRecord, ...StoredRecord[]];

export interface PagesOptions {
  /** The first page starts after this position; by default, at the start of the queue. */
  readonly after?: Position | undefined;
  /** Only records with a score below this, in seconds since the epoch. */
  readonly before?: number;
  /** Maximum number of records in a page; as a function, in the page that follows the given one, undefined for the first. */
  readonly limit: number | ((page: Page | undefined) => number);
  /** Whether to read the next page while the caller processes this one. By default it is read on demand. */
  readonly readsAhead?: boolean;
  /** The position after which the next page starts: by default the last record, never an earlier position. */
  resumeAfter?(last: StoredRecord): Position;
}

/** The records of this range, in order. Rejects if the store does, and with a StoreError if a page doesn't advance. */
export async function* pages(
  store: Pick<Store, "read">,
  queue: string,
  { after: start, before, limit, readsAhead = false, resumeAfter = (last) => last }: PagesOptions,
): AsyncGenerator<Page> {
  let after = start;
  const read = (page: Page | undefined) => {
    const next = store.read(queue, {
      after,
      before,
      limit: typeof limit === "number" ? limit : limit(page),
    });
    // It is awaited only if the caller asks for another page: otherwise its rejection would be unhandled.
    next.catch(() => {});
    return next;
  };
  let next = read(undefined);
  for (;;) {
    const page = await next;
    if (!isPage(page)) return;
    const last = page.at(-1) ?? page[0];
    if (after !== undefined && !isAhead(last, after)) {
      throw new StoreError(
        `${queue} can't be read past the record ${JSON.stringify(after.id)}: a page didn't advance`,
      );
    }
    const { score, id } = resumeAfter(last);
    after = { score, id };
    if (readsAhead) next = read(page);
    yield page;
    if (!readsAhead) next = read(page);
  }
}

/**
 * The orphans of a queue. The caller must remove each page before it asks for the next, since orphans have no order.
 * Rejects if the store does, and with a StoreError if a page repeats.
 */
export async function* orphanPages(
  store: Pick<Store, "orphans">,
  queue: string,
  limit: number,
): AsyncGenerator<readonly Orphan[]> {
  let before: ReadonlySet<string> = new Set();
  for (;;) {
    const page = await store.orphans(queue, limit);
    if (page.length === 0) return;
    if (page.every(({ id }) => before.has(id))) {
      throw new StoreError(
        `the orphans of ${queue} can't be removed: a page came again after it was settled`,
      );
    }
    before = new Set(page.map(({ id }) => id));
    yield page;
  }
}

function isPage(records: readonly StoredRecord[]): records is Page {
  return records.length > 0;
}

/** With equal scores only the engine knows the order of the ids. */
function isAhead(last: Position, after: Position): boolean {
  return last.score > after.score || (last.score === after.score && last.id !== after.id);
}
