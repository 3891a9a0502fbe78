/**
 * Full batches from pages that may have few records each.
 *
 * Promises: it holds at most a page and a batch, in number and in bytes. The order is kept. While the batch size is probing,
 * each page yields one record, and the others stay in the queue.
 */
import type { BatchSize } from "./batch-size.js";
import type { Entry } from "./delivery.js";

/** @param size is read before each batch, since it changes with the outcome of the one before */
export async function* inBatches<T>(
  pages: AsyncIterable<readonly Entry<T>[]>,
  size: BatchSize,
): AsyncGenerator<readonly Entry<T>[]> {
  let waiting: readonly Entry<T>[] = [];
  for await (const page of pages) {
    if (size.isProbing) {
      // A random one: the oldest records may be the very ones that are invalid.
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
  // The size may have shrunk: the rest may be more than one batch.
  while (waiting.length > 0) {
    const count = fullBatch(waiting, size) || waiting.length;
    yield waiting.slice(0, count);
    waiting = waiting.slice(count);
  }
}

/** How many of the entries fill a batch; 0 if they don't fill one. An entry that is longer than a batch fills one. */
function fullBatch<T>(entries: readonly Entry<T>[], { records, length }: BatchSize): number {
  let sum = 0;
  for (let index = 0; index < entries.length; index++) {
    sum += entries[index]?.value.length ?? 0;
    if (sum > length) return Math.max(1, index);
    if (index + 1 >= records) return records;
  }
  return 0;
}
