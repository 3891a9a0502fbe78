/**
 * Full batches, made of pages that may have only a few records in them.
 *
 * Promises: no more is held than a page and a batch, in number and in bytes. The order stays. While it is not known
 * whether anything is accepted, there is a single record of each page, and the others stay in the queue.
 */
import type { BatchSize } from "./batch-size.js";
import type { Entry } from "./delivery.js";

/** @param size is read before each batch, since the fate of one decides on the next */
export async function* inBatches<T>(
  pages: AsyncIterable<readonly Entry<T>[]>,
  size: BatchSize,
): AsyncGenerator<readonly Entry<T>[]> {
  let waiting: readonly Entry<T>[] = [];
  for await (const page of pages) {
    if (size.isProbing) {
      // Any one: the oldest may be those that are really refused.
      const probe = page[Math.floor(Math.random() * page.length)];
      if (probe !== undefined) yield [probe];
      if (size.isProbing) continue;
      waiting = page.filter((entry) => entry !== probe);
    } else {
      waiting = waiting.length === 0 ? page : [...waiting, ...page];
    }
    for (let full = fullBatch(waiting, size); full > 0; full = fullBatch(waiting, size)) {
      yield waiting.slice(0, full);
      waiting = waiting.slice(full);
    }
  }
  // The size may have changed since: what is left may be more than a batch.
  while (waiting.length > 0) {
    const count = fullBatch(waiting, size) || waiting.length;
    yield waiting.slice(0, count);
    waiting = waiting.slice(count);
  }
}

/** How many of these make a batch that is full; 0 if they don't. One that is too long by itself is a batch. */
function fullBatch<T>(entries: readonly Entry<T>[], { records, length }: BatchSize): number {
  let sum = 0;
  for (let index = 0; index < entries.length; index++) {
    sum += entries[index]?.value.length ?? 0;
    if (sum > length) return Math.max(1, index);
    if (index + 1 >= records) return records;
  }
  return 0;
}
