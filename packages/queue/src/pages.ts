/**
 * Reads through a queue page by page: the one loop of that kind, anyone who works a queue off, counts it or looks into it.
 *
 * Promises: it ends. Each page begins after the last record of the one before, so that what could not be removed isn't
 * met again; only an empty page is the end of a queue; and a page that doesn't advance is an error, not another round.
 * It holds one page, or two if it reads ahead, whose bytes the store bounds.
 */
import type { Orphan, Position, Store, StoredRecord } from "./store.js";
import { StoreError } from "./store-error.js";

/** Records, at least one. */
export type Page = readonly [StoredRecord, ...StoredRecord[]];

export interface PagesOptions {
  /** The first page begins after this position; without it, with the first record of the queue. */
  readonly after?: Position | undefined;
  /** Only records whose score, in seconds, is less than this. */
  readonly before?: number;
  /** At most so many records in a page; as a function, in the page that follows this one, undefined before the first. */
  readonly limit: number | ((page: Page | undefined) => number);
  /** Whether the next page is read while this one is worked on. Otherwise it is read when it is asked for. */
  readonly readsAhead?: boolean;
  /** Where the page after this record begins, if not right after it; never before it. */
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
    // Awaited in the next round, if there is one: until then nobody else would hear it fail.
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
 * The orphans of a queue, for anyone who removes each page before asking for the next: they have no order to go by.
 * Rejects if the store does, and with a StoreError if a page comes again.
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

/** Of ids alone the engine knows the order. */
function isAhead(last: Position, after: Position): boolean {
  return last.score > after.score || (last.score === after.score && last.id !== after.id);
}
