/**
 * Reads a page of a queue: merges its records in memory and in runs.
 *
 * Promises: memory holds a page and one block of each run that the page touches, however long the queue. While it waits for
 * the disk the queue may change: it continues after the last record of the page.
 */
import { boundedRecord } from "../bounded-page.js";
import { comparePositions } from "../order.js";
import { MAX_PAGE_BYTES, type Position, type StoredRecord } from "../store.js";
import type { Block } from "./block.js";
import type { QueueContent } from "./queue-content.js";
import type { Run } from "./run.js";
import { type BlockPlace, RunSource, type Source, TableSource } from "./sources.js";

export interface PageOptions {
  readonly after?: Position | undefined;
  /** Only records with a score below this. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** The next records in order; empty only at the end of the queue. */
export async function readPage(queue: QueueContent, options: PageOptions): Promise<readonly StoredRecord[]> {
  const page: StoredRecord[] = [];
  const progress = { page, bytes: 0, held: new Map<string, Block>() };
  for (;;) {
    const missing = fill(queue, options, progress);
    if (missing === undefined) return page;
    progress.held.set(blockKey(missing.run, missing.index), await missing.run.loadAhead(missing.index));
  }
}

interface Progress {
  readonly page: StoredRecord[];
  /** Bytes of the page's values. */
  bytes: number;
  /** Blocks that the page needs, in case the cache evicts them. */
  readonly held: ReadonlyMap<string, Block>;
}

/** Fills the page, or the end of the queue. @returns a block that must be loaded first, if there is one */
function fill(
  queue: QueueContent,
  { after, before, limit }: PageOptions,
  progress: Progress,
): BlockPlace | undefined {
  const { page, held } = progress;
  const sources = openSources(queue, page.at(-1) ?? after, held);
  while (page.length < limit) {
    const [first] = sources;
    const position = first?.position;
    if (first === undefined || position === undefined) return undefined;
    if (before !== undefined && position.score >= before) return undefined;
    const missing = first.prepare();
    if (missing === "moved") {
      moveFirst(sources);
      continue;
    }
    if (missing !== undefined) return missing;
    if (first.record === undefined) return undefined;
    const record = boundedRecord(first.record);
    progress.bytes += record.value === undefined ? 0 : Buffer.byteLength(record.value);
    if (page.length > 0 && progress.bytes > MAX_PAGE_BYTES) return undefined;
    page.push(record);
    first.next();
    moveFirst(sources);
  }
  return undefined;
}

function openSources(
  { table, frozen, runs }: QueueContent,
  after: Position | undefined,
  held: ReadonlyMap<string, Block>,
): Source[] {
  const sources: Source[] = [new TableSource(table, after)];
  if (frozen !== undefined) sources.push(new TableSource(frozen.table, after));
  for (const run of runs) {
    if (run.size > 0) sources.push(new RunSource(run, after, (index) => held.get(blockKey(run, index))));
  }
  return sources.filter(({ position }) => position !== undefined).sort(bySource);
}

/** Moves the first source, whose position has changed, to its place in the order. */
function moveFirst(sources: Source[]): void {
  const [moved] = sources;
  if (moved === undefined) return;
  if (moved.position === undefined) {
    sources.shift();
    return;
  }
  let index = 1;
  for (; index < sources.length; index++) {
    const other = sources[index];
    if (other === undefined || bySource(moved, other) <= 0) break;
    sources[index - 1] = other;
  }
  sources[index - 1] = moved;
}

function bySource(a: Source, b: Source): number {
  if (a.position === undefined || b.position === undefined) return 0;
  return comparePositions(a.position, b.position);
}

function blockKey(run: Run, index: number): string {
  return `${run.id}/${index}`;
}
