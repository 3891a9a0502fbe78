/** The sources that a page is merged from: a table in memory, or a run. Each yields its records in order. */

import { comparePositions } from "../order.js";
import type { Position, StoredRecord } from "../store.js";
import type { Block } from "./block.js";
import type { Entry, Table } from "./memory-table.js";
import { placeOf, type Run } from "./run.js";
import type { BlockEntry } from "./run-format.js";

/** A block of a run. */
export interface BlockPlace {
  readonly run: Run;
  readonly index: number;
}

export interface Source {
  /** The position of its next record, or a lower bound of it; undefined at its end. */
  readonly position: Position | undefined;
  /**
   * Makes the position exact.
   *
   * @returns undefined if it is exact, "moved" if it has changed, or the block that must be loaded first
   */
  prepare(): undefined | "moved" | BlockPlace;
  /** The record at the position, if that is exact. */
  readonly record: StoredRecord | undefined;
  next(): void;
}

export class TableSource implements Source {
  readonly #entries: Iterator<Entry, undefined>;
  #entry: Entry | undefined;

  constructor(table: Table, after: Position | undefined) {
    this.#entries = table.after(after);
    this.next();
  }

  get position(): Position | undefined {
    return this.#entry;
  }

  get record(): StoredRecord | undefined {
    if (this.#entry === undefined) return undefined;
    const { score, id, value } = this.#entry;
    return { score, id, value, place: undefined };
  }

  prepare(): undefined {
    return undefined;
  }

  next(): void {
    this.#entry = this.#entries.next().value;
  }
}

/** Loads a block only when its turn comes, so that of consecutive runs only one is read at a time. */
export class RunSource implements Source {
  readonly #run: Run;
  readonly #loaded: (index: number) => Block | undefined;
  readonly #after: Position | undefined;
  #blockIndex: number;
  #block: Block | undefined;
  #index = 0;
  position: Position | undefined;
  record: StoredRecord | undefined;

  /** @param loaded returns the block of this index if it is in memory */
  constructor(run: Run, after: Position | undefined, loaded: (index: number) => Block | undefined) {
    this.#run = run;
    this.#loaded = loaded;
    this.#after = after;
    this.#blockIndex = after === undefined ? 0 : run.blockFor(after);
    this.#expectBlock();
  }

  prepare(): undefined | "moved" | BlockPlace {
    if (this.#block !== undefined) return undefined;
    this.#block = this.#loaded(this.#blockIndex) ?? this.#run.cached(this.#blockIndex);
    if (this.#block === undefined) return { run: this.#run, index: this.#blockIndex };
    this.#index = this.#after === undefined ? 0 : this.#block.countThrough(this.#after);
    this.#findLive();
    return "moved";
  }

  next(): void {
    this.#index += 1;
    this.#findLive();
  }

  #findLive(): void {
    const block = this.#block;
    if (block === undefined) return;
    this.#index = this.#run.removed.nextAbsent(block.firstOrdinal + this.#index) - block.firstOrdinal;
    this.record = block.record(this.#index, placeOf(this.#run.id, block.firstOrdinal + this.#index));
    this.position = this.record;
    if (this.record === undefined) {
      this.#blockIndex += 1;
      this.#expectBlock();
    }
  }

  /** The block at the index, or the first one after it with a record that hasn't been removed. */
  #nextLiveBlock(): BlockEntry | undefined {
    const { removed, parts } = this.#run;
    let live = -1;
    for (; ; this.#blockIndex++) {
      const block = parts.blocks[this.#blockIndex];
      if (block === undefined) return undefined;
      if (live < block.firstOrdinal) live = removed.nextAbsent(block.firstOrdinal);
      if (live < block.firstOrdinal + block.count) return block;
    }
  }

  /** Moves to the next block without loading it: its first position is the lower bound. */
  #expectBlock(): void {
    const block = this.#nextLiveBlock();
    this.#block = undefined;
    this.position =
      block !== undefined && this.#after !== undefined && comparePositions(block, this.#after) < 0
        ? this.#after
        : block;
  }
}
