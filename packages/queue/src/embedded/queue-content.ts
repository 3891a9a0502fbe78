/**
 * The content of a queue: its records in memory, those being written to a run, and its runs.
 *
 * An id is in at most one of them. Every change is journaled before it is applied; a change of records in runs has their
 * ordinals, so applying it never reads the disk.
 */
import type { Position } from "../store.js";
import type { QueueRemoval, QueueWrites, Written } from "./change.js";
import { type Entry, Table } from "./memory-table.js";
import { OrphanTable } from "./orphan-table.js";
import type { Run } from "./run.js";
import { RunIds } from "./run-ids.js";

/** A table that is being written to a run. Records may be removed from it, but not added. */
export interface Frozen {
  readonly table: Table;
  /** Records with numbers below this are in it, or were removed. */
  readonly below: number;
}

export class QueueContent {
  readonly name: string;
  table = new Table();
  frozen: Frozen | undefined;
  #runs: readonly Run[] = [];
  readonly #runIds = new RunIds();
  /** Values without a score, by id. */
  readonly orphans = new OrphanTable();
  /** Called with the number of each record that leaves memory. */
  readonly #onLeft: (number: number) => void;

  constructor(name: string, onLeft: (number: number) => void) {
    this.name = name;
    this.#onLeft = onLeft;
  }

  get runs(): readonly Run[] {
    return this.#runs;
  }

  /** To remove runs; {@link takeRun} adds them. */
  set runs(runs: readonly Run[]) {
    this.#runs = runs;
    this.#runIds.keep(runs);
  }

  /** Whether one of the runs may have an id of this hash. */
  mayBeInRuns(hash: number): boolean {
    return this.#runs.length > 0 && this.#runIds.mayHave(hash);
  }

  get size(): number {
    return this.runs.reduce((sum, run) => sum + run.size, this.table.size + (this.frozen?.table.size ?? 0));
  }

  /** Freezes the records in memory while they are written to a run; new ones go to a new table. @param below the next number */
  freeze(below: number): Frozen {
    this.frozen = { table: this.table, below };
    this.table = new Table();
    return this.frozen;
  }

  /** Unfreezes them if the run could not be written. */
  thaw(): void {
    const table = this.frozen?.table;
    this.frozen = undefined;
    for (const entry of table?.after(undefined) ?? []) this.table.put(entry);
  }

  /**
   * Adds a run, which replaces other runs and the frozen records with numbers below the given one.
   */
  takeRun(run: Run, below: number, replaces: readonly number[]): void {
    const others = this.#runs.filter(({ id }) => id !== run.id && !replaces.includes(id));
    if (!this.#runs.includes(run)) this.#runIds.add(run.id, run.takeHashes());
    this.runs = [...others, run];
    run.below = Math.max(run.below, below);
    const { frozen } = this;
    if (frozen !== undefined && frozen.below <= below) {
      this.frozen = undefined;
      for (const { number } of frozen.table.after(undefined)) this.#onLeft(number);
    }
  }

  /** Estimated bytes of its records in memory. */
  get memoryBytes(): number {
    return this.table.bytes + (this.frozen?.table.bytes ?? 0);
  }

  entry(id: string): Entry | undefined {
    return this.table.get(id) ?? this.frozen?.table.get(id);
  }

  entryAt(position: Position): Entry | undefined {
    const entry = this.entry(position.id);
    return entry !== undefined && entry.score === position.score + 0 ? entry : undefined;
  }

  /** Removes records. @returns the number of removed records */
  remove({ entries = [], ordinals }: QueueRemoval): number {
    let left = 0;
    for (const entry of entries) if (this.#removeEntry(entry)) left += 1;
    for (const [id, ofRun] of ordinals) {
      const run = this.runs.find((run) => run.id === id);
      for (const ordinal of ofRun) if (run?.removed.add(ordinal)) left += 1;
    }
    return left;
  }

  write({ first, records }: QueueWrites, onEntry?: (entry: Entry) => void): void {
    let number = first;
    for (const record of records) {
      const entry = this.#entryOf(record, number++);
      if (entry === undefined) continue;
      this.#put(entry);
      onEntry?.(entry);
    }
  }

  #put(entry: Entry): void {
    const frozen = this.frozen?.table.get(entry.id);
    if (frozen !== undefined) this.#removeEntry(frozen);
    const replaced = this.table.put(entry);
    if (replaced !== undefined) this.#onLeft(replaced.number);
  }

  /** The entry for a write; undefined for a value without a score, and for a write that changes nothing. */
  #entryOf({ id, score, value }: Written, number: number): Entry | undefined {
    if (score !== undefined && value !== undefined) {
      if (this.orphans.size > 0) this.orphans.delete(id);
      return newEntry(id, score, value, number);
    }
    const known = this.entry(id);
    if (score !== undefined) {
      if (known?.score === score + 0) return undefined;
      const own = known?.value ?? this.orphans.get(id);
      this.orphans.delete(id);
      return newEntry(id, score, own, number);
    }
    if (known !== undefined) return newEntry(id, known.score, value, number);
    if (value !== undefined) this.orphans.set(id, value);
    return undefined;
  }

  #removeEntry(entry: Entry): boolean {
    if (!entry.live) return false;
    if (this.frozen === undefined || this.table.get(entry.id) === entry) this.table.remove(entry);
    else this.frozen.table.remove(entry);
    this.#onLeft(entry.number);
    return true;
  }
}

/** As in Redis, -0 and 0 are the same score: `-0 + 0` is 0. */
function newEntry(id: string, score: number, value: string | undefined, number: number): Entry {
  return { id, score: score + 0, value, number, live: true };
}
