/**
 * Chooses runs to merge, and merges them.
 *
 * Runs that follow one another in time cost nothing, however many: a page is read from one of them. Overlapping runs are all
 * read for a page, and small ones cost memory and open files.
 */

import { comparePositions } from "../order.js";
import type { Position } from "../store.js";
import { QueueContent } from "./queue-content.js";
import { readPage } from "./read-page.js";
import type { Run } from "./run.js";
import type { RunWriter } from "./run-writer.js";

/** Numbers of overlapping runs, and of small ones, up to which nothing is merged. */
const MAX_TOGETHER = 6;
const MAX_SMALL = 16;
const SMALL_BYTES = 1024 * 1024;
/** Maximum size of a merged run. */
const MAX_MERGED_BYTES = 64 * 1024 * 1024;
const PAGE = 200;

/** The runs to merge into one; fewer than two if none. */
export function chooseMerge(runs: readonly Run[]): readonly Run[] {
  const small = runs.filter(({ liveBytes }) => liveBytes < SMALL_BYTES);
  if (small.length > MAX_SMALL) return withinBytes(small);
  for (const run of runs) {
    const over = runs.filter((other) => overlap(run, other));
    if (over.length <= MAX_TOGETHER) continue;
    const chosen = withinBytes([...over].sort((a, b) => a.liveBytes - b.liveBytes));
    if (chosen.length > 1) return chosen;
  }
  return [];
}

/**
 * Writes the runs' records in order to another run.
 *
 * @param giveWay called between steps
 * @returns a function that returns the merged run's ordinals of records that were removed while it was written
 */
export async function mergeRuns(
  runs: readonly Run[],
  writer: RunWriter,
  giveWay: () => Promise<void>,
): Promise<(merged: Run) => Promise<readonly number[]>> {
  const before = new Map(runs.map((run) => [run, run.removed.copy()]));
  const source = new QueueContent("", () => {});
  source.runs = [...runs];
  let after: Position | undefined;
  for (;;) {
    const page = await readPage(source, { after, limit: PAGE });
    after = page.at(-1);
    if (after === undefined) break;
    for (const record of page) writer.add(record);
    await giveWay();
  }
  return async (merged) => {
    const left: number[] = [];
    for (const run of runs) {
      for (const ordinal of run.removed.ordinals()) {
        if (before.get(run)?.has(ordinal) === true) continue;
        const position = await run.positionOf(ordinal);
        const found = position === undefined ? undefined : await merged.ordinalOf(position);
        if (found !== undefined) left.push(found);
      }
    }
    return left;
  };
}

function overlap(a: Run, b: Run): boolean {
  const [firstA] = a.parts.blocks;
  const [firstB] = b.parts.blocks;
  if (firstA === undefined || firstB === undefined) return false;
  return comparePositions(firstA, b.parts.last) <= 0 && comparePositions(firstB, a.parts.last) <= 0;
}

/** The first of these runs that fit into one of the maximum size. */
function withinBytes(runs: readonly Run[]): readonly Run[] {
  let bytes = 0;
  return runs.filter(({ liveBytes }) => {
    bytes += liveBytes;
    return bytes <= MAX_MERGED_BYTES;
  });
}
