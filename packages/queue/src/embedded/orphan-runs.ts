/**
 * Decides about runs that no frame of the journal names.
 *
 * Such a run was never completed, was replaced, or is empty: a process may be killed after it has deleted the frames that
 * named the run and before it deletes the run. Its records are elsewhere or were removed, and must not return. Only if frames
 * are missing that had reached the disk may one of them have named the run: if its records are nowhere else, it is adopted.
 */
import { join } from "node:path";
import { comparePositions } from "../order.js";
import type { Position } from "../store.js";
import type { Content } from "./content.js";
import { runName } from "./file-names.js";
import type { FileSystem } from "./files.js";
import type { Losses } from "./losses.js";
import type { Run } from "./run.js";
import type { RunFiles } from "./run-files.js";
import type { RunHead } from "./run-format.js";

export interface OrphanOptions {
  readonly files: FileSystem;
  readonly folder: string;
  readonly content: Content;
  readonly runFiles: RunFiles;
  readonly losses: Losses;
  /** The journal has the records from this number on, according to its first segment. */
  readonly firstNumber: number;
}

/**
 * Adopts the needed runs and deletes those that were never in use.
 *
 * @returns runs whose records are elsewhere, but which older frames of the journal still name
 */
export async function takeOrphans(options: OrphanOptions): Promise<readonly Run[]> {
  const { files, folder, content, runFiles, losses } = options;
  const inUse = new Set([...content.queues.values()].flatMap(({ runs }) => runs));
  const adopted: Run[] = [];
  const unneeded: Run[] = [];
  const { hasGap } = losses;
  for (const id of runFiles.numbers) {
    const path = join(folder, runName(id));
    const isNamed = runFiles.isKnown(id);
    const run = await runFiles.open(id);
    if (run !== undefined && inUse.has(run)) continue;
    if (hasGap && !isNamed && run !== undefined && isNeeded(runFiles.head(id), options)) {
      losses.missing();
      content.queue(run.parts.queue).takeRun(run, 0, []);
      adopted.push(run);
      continue;
    }
    if (run !== undefined && isNamed) {
      unneeded.push(run);
      continue;
    }
    run?.close();
    if (!losses.unreadablePaths.has(path)) await files.remove(path);
  }
  if (losses.hasDamage) await removeDuplicates(adopted, content);
  return unneeded;
}

/** Whether the files that had the run's records before were deleted. */
function isNeeded(head: RunHead | undefined, { runFiles, firstNumber }: OrphanOptions): boolean {
  if (head === undefined) return true;
  if (head.replaces.length > 0) return head.replaces.some((id) => !runFiles.has(id));
  return head.lowest < firstNumber;
}

/** Removes records from runs that are also in memory or in another run: the frame that removed them is missing. */
async function removeDuplicates(adopted: readonly Run[], content: Content): Promise<void> {
  for (const run of adopted) {
    const others = content.queue(run.parts.queue).runs.filter((other) => other !== run);
    for (const other of others) {
      for (const index of other.parts.blocks.keys()) await removeFrom(run, await liveIn(other, index));
    }
  }
  for (const queue of content.queues.values()) {
    for (const run of queue.runs) await removeFrom(run, [...queue.table.after(undefined)]);
  }
}

/** The positions in a block that haven't been removed. */
async function liveIn(run: Run, index: number): Promise<readonly Position[]> {
  const block = await run.load(index);
  const live: Position[] = [];
  for (let offset = 0; offset < block.count; offset++) {
    const position = run.removed.has(block.firstOrdinal + offset) ? undefined : block.position(offset);
    if (position !== undefined) live.push(position);
  }
  return live;
}

/** Removes these records from a run. Searches its blocks, since its id table may be damaged too. */
async function removeFrom(run: Run, records: readonly Position[]): Promise<void> {
  const [first, last] = [records[0], records.at(-1)];
  if (first === undefined || last === undefined) return;
  const ids = new Set(records.map(({ id }) => id));
  const { blocks } = run.parts;
  for (let index = run.blockFor(first); index < blocks.length; index++) {
    const entry = blocks[index];
    if (entry === undefined || comparePositions(entry, last) > 0) return;
    const block = await run.load(index);
    for (let offset = 0; offset < block.count; offset++) {
      if (ids.has(block.position(offset)?.id ?? "")) run.removed.add(block.firstOrdinal + offset);
    }
  }
}
