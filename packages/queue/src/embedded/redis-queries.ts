/**
 * Answers Redis' questions about a queue: HLEN, ZRANGE by rank, HMGET. The agent itself never asks them.
 *
 * Promises: memory holds the result and a page, and other calls get their turn between pages.
 */
import type { Position } from "../store.js";
import type { QueueContent } from "./queue-content.js";
import { readPage } from "./read-page.js";

/** Number of records that are skipped before others have their turn. */
const SKIPPED_PAGE = 2_000;

/** Number of values, orphans included (HLEN). */
export function valueCount({ table, frozen, orphans, size }: QueueContent): number {
  return size - table.valueless - (frozen?.table.valueless ?? 0) + orphans.size;
}

/** Positions by rank, both ends inclusive; negative ranks count from the end (ZRANGE). */
export async function positionsByRank(
  queue: QueueContent,
  start: number,
  stop: number,
): Promise<readonly Position[]> {
  const { size } = queue;
  const first = Math.max(0, start < 0 ? size + start : start);
  const last = Math.min(size - 1, stop < 0 ? size + stop : stop);
  const found: Position[] = [];
  let after: Position | undefined;
  for (let rank = 0; rank <= last; ) {
    const page = await readPage(queue, { after, limit: Math.min(SKIPPED_PAGE, last - rank + 1) });
    if (page.length === 0) break;
    for (const { score, id } of page) if (rank++ >= first) found.push({ score, id });
    after = page.at(-1);
    await new Promise(setImmediate);
  }
  return found;
}

/** The value of an id, which may be an orphan (HMGET); undefined if there is none. */
export async function findValue(queue: QueueContent, id: string): Promise<string | undefined> {
  const inMemory = queue.entry(id)?.value ?? queue.orphans.get(id);
  if (inMemory !== undefined) return inMemory;
  for (const run of queue.runs) {
    const found = await run.find(id);
    if (found !== undefined) return found.value;
  }
  return undefined;
}
