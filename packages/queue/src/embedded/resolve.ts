/**
 * Resolves what a call asks for to its effect: the records in memory and in runs that it concerns.
 *
 * The store must not change between resolving and applying.
 */
import type { Position } from "../store.js";
import type { Block } from "./block.js";
import type { QueueRemoval, Written } from "./change.js";
import { hashId } from "./id-filter.js";
import type { Entry } from "./memory-table.js";
import type { QueueContent } from "./queue-content.js";
import { inRun, type Run } from "./run.js";

/** Finds the records at these positions. @returns their removal, and their number */
export async function findRecords(
  queue: QueueContent,
  positions: readonly Position[],
): Promise<{ readonly removal: QueueRemoval; readonly count: number }> {
  const entries: Entry[] = [];
  const numbers = new DistinctNumbers();
  const ordinals = new Map<number, DistinctNumbers>();
  const search = new RunSearch(queue.runs);
  let inRuns = 0;
  for (const position of positions) {
    const known = search.at(position.place);
    if (known !== undefined) {
      if (ofRun(ordinals, known.run).add(known.ordinal)) inRuns += 1;
      continue;
    }
    const entry = queue.entryAt(position);
    if (entry !== undefined) {
      if (numbers.add(entry.number)) entries.push(entry);
      continue;
    }
    const found =
      queue.runs.length === 0 ? undefined : await search.find({ ...position, score: position.score + 0 });
    if (found === undefined) continue;
    if (ofRun(ordinals, found.run).add(found.ordinal)) inRuns += 1;
  }
  return { removal: removalOf(queue.name, entries, ordinals), count: entries.length + inRuns };
}

/** Whether a run may have one of these ids, so that {@link resolveWrites} is needed. */
export function mayBeInRuns(queue: QueueContent, writes: readonly { readonly id: string }[]): boolean {
  return queue.runs.length > 0 && writes.some(({ id }) => runsThatMayHave(queue, id).length > 0);
}

/**
 * Completes writes of ids that are in runs to whole records, which replace those in the runs.
 *
 * @returns the writes, and the removal of the replaced records
 */
export async function resolveWrites(
  queue: QueueContent,
  writes: readonly Written[],
): Promise<{ readonly records: readonly Written[]; readonly removal: QueueRemoval }> {
  const ordinals = new Map<number, DistinctNumbers>();
  if (queue.runs.length === 0) return { records: writes, removal: removalOf(queue.name, [], ordinals) };
  const records: Written[] = [];
  const taken = new Set<string>();
  for (const write of writes) {
    const runs = runsThatMayHave(queue, write.id);
    // Avoids an await if no run has to be read.
    const known = runs.length === 0 || taken.has(write.id) ? undefined : await findIn(runs, write.id);
    if (known === undefined) {
      records.push(write);
      continue;
    }
    const { id, score = known.score, value = known.value } = write;
    // As in Redis, storing an id again with the same score changes nothing.
    if (write.value === undefined && score + 0 === known.score) continue;
    records.push({ id, score, value });
    taken.add(id);
    ofRun(ordinals, known.run).add(known.ordinal);
  }
  return { records, removal: removalOf(queue.name, [], ordinals) };
}

const NO_RUNS: readonly Run[] = [];

function runsThatMayHave(queue: QueueContent, id: string): readonly Run[] {
  let found = NO_RUNS;
  const hash = hashId(id);
  if (!queue.mayBeInRuns(hash)) return NO_RUNS;
  for (const run of queue.runs) {
    if (!run.mayHave(hash)) continue;
    // An id that is in memory is in no run.
    if (queue.entry(id) !== undefined) return NO_RUNS;
    found = [...found, run];
  }
  return found;
}

async function findIn(runs: readonly Run[], id: string) {
  for (const run of runs) {
    const found = await run.find(id);
    if (found !== undefined) return { ...found, run };
  }
  return undefined;
}

function ofRun(ordinals: Map<number, DistinctNumbers>, { id }: Run): DistinctNumbers {
  let found = ordinals.get(id);
  if (found === undefined) {
    found = new DistinctNumbers();
    ordinals.set(id, found);
  }
  return found;
}

function removalOf(
  queue: string,
  entries: readonly Entry[],
  ordinals: ReadonlyMap<number, DistinctNumbers>,
): QueueRemoval {
  return {
    queue,
    numbers: entries.map(({ number }) => number),
    entries,
    ordinals: new Map([...ordinals].map(([run, { values }]) => [run, values])),
  };
}

interface Found {
  readonly run: Run;
  readonly ordinal: number;
}

/** Finds positions in runs. They mostly come in order, so it tries the block of the previous one first. */
class RunSearch {
  readonly #runs: readonly Run[];
  #run: Run | undefined;
  #block: Block | undefined;

  constructor(runs: readonly Run[]) {
    this.#runs = runs;
  }

  /**
   * The record with this {@link Position.place}, if it hasn't been removed. A run never changes, so its ordinal is still
   * valid. A record that was removed from its run may be elsewhere.
   */
  at(place: number | undefined): Found | undefined {
    if (place === undefined) return undefined;
    const { run: id, ordinal } = inRun(place);
    if (this.#run?.id !== id) {
      this.#block = undefined;
      this.#run = this.#runs.find((run) => run.id === id);
    }
    const run = this.#run;
    if (run === undefined || ordinal >= run.parts.count || run.removed.has(ordinal)) return undefined;
    return { run, ordinal };
  }

  async find(position: Position): Promise<Found | undefined> {
    const nearby = this.#findIn(this.#run, this.#block, position);
    if (nearby !== undefined) return nearby;
    for (const run of this.#runs) {
      if (!run.covers(position)) continue;
      const index = run.blockFor(position);
      const block = run.cached(index) ?? (await run.load(index));
      const found = this.#findIn(run, block, position);
      if (found === undefined) continue;
      this.#run = run;
      this.#block = block;
      return found;
    }
    return undefined;
  }

  #findIn(run: Run | undefined, block: Block | undefined, position: Position) {
    if (run === undefined || block === undefined) return undefined;
    const index = block.indexOf(position);
    if (index === undefined) return undefined;
    const ordinal = block.firstOrdinal + index;
    return run.removed.has(ordinal) ? undefined : { run, ordinal };
  }
}

/** A list of numbers without duplicates. While they only rise, as records' numbers mostly do, it needs no index. */
class DistinctNumbers {
  readonly values: number[] = [];
  #known: Set<number> | undefined;

  /** @returns whether it is new */
  add(number: number): boolean {
    const last = this.values.at(-1);
    if (last !== undefined && number <= last) this.#known ??= new Set(this.values);
    if (this.#known?.has(number)) return false;
    this.#known?.add(number);
    this.values.push(number);
    return true;
  }
}
