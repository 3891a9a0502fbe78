/**
 * A run: an immutable file of records in order, of which memory holds an index of the blocks, a filter of the ids and
 * a bit for each record that has left.
 *
 * A block that can't be read costs its records: it comes as an empty one, and {@link Run.onDamage} hears of it.
 */
import type { Position, StoredRecord } from "../store.js";
import { Block } from "./block.js";
import type { BlockCache } from "./block-cache.js";
import type { StoreFile } from "./files.js";
import { fileSeed, frameAt } from "./frame.js";
import { hashId, type IdFilter } from "./id-filter.js";
import { type IdTable, MAX_RUN_RECORDS } from "./id-table.js";
import { comparePositions } from "./order.js";
import { RemovedSet } from "./removed.js";
import type { BlockEntry } from "./run-format.js";

/** A queue without a name, from ordinal 0 on no record. */
const EMPTY_BLOCK = Buffer.from([0, 0, 0]);
/** What is read together if it is read in order. */
const BLOCKS_AHEAD = 4;
const MAX_AHEAD_BYTES = 256 * 1024;

export interface RunParts {
  readonly run: number;
  readonly queue: string;
  readonly path: string;
  readonly file: StoreFile;
  readonly bytes: number;
  readonly count: number;
  readonly blocks: readonly BlockEntry[];
  readonly last: Position;
  readonly filter: IdFilter;
  readonly ids: IdTable;
}

/** A record of a run. */
export interface RunRecord extends StoredRecord {
  readonly ordinal: number;
}

/** Where a record of a run is, as one number that is exact: see {@link Position.place}. */
export function placeOf(run: number, ordinal: number): number {
  return run * MAX_RUN_RECORDS + ordinal;
}

/** What {@link placeOf} made a place of. */
export function inRun(place: number): { readonly run: number; readonly ordinal: number } {
  const run = Math.floor(place / MAX_RUN_RECORDS);
  return { run, ordinal: place - run * MAX_RUN_RECORDS };
}

export class Run {
  readonly parts: RunParts;
  readonly removed: RemovedSet;
  /** The queue's records with a smaller number are in this run, in an older one, or have left. */
  below = 0;
  onDamage: (ordinals: readonly number[]) => void = () => {};
  readonly #cache: BlockCache;
  #hashes: Uint32Array | undefined;
  #isOpen = true;

  /** @param hashes of its ids, until they are taken */
  constructor(parts: RunParts, hashes: Uint32Array, cache: BlockCache) {
    this.parts = parts;
    this.#hashes = hashes;
    this.removed = new RemovedSet(parts.count);
    this.#cache = cache;
  }

  get id(): number {
    return this.parts.run;
  }

  /** The hashes of its ids, in any order, for the filter of its queue. They are not kept: undefined if they were taken. */
  takeHashes(): Uint32Array | undefined {
    const hashes = this.#hashes;
    this.#hashes = undefined;
    return hashes;
  }

  /** How many of its records have not left. */
  get size(): number {
    return this.parts.count - this.removed.count;
  }

  /** Bytes of its file that belong to records that have not left. */
  get liveBytes(): number {
    return this.parts.count === 0 ? 0 : (this.parts.bytes * this.size) / this.parts.count;
  }

  /** Whether the position is between its first record and its last. */
  covers(position: Position): boolean {
    const [first] = this.parts.blocks;
    if (first === undefined || this.size === 0) return false;
    return comparePositions(first, position) <= 0 && comparePositions(position, this.parts.last) <= 0;
  }

  /** The block that a position is in, if the run has it. */
  blockFor(position: Position): number {
    const { blocks } = this.parts;
    let low = 0;
    let high = blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      const first = blocks[middle];
      if (first !== undefined && comparePositions(first, position) <= 0) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }

  /** The block, if it is in memory. */
  cached(index: number): Block | undefined {
    return this.#cache.get(this.id, index);
  }

  async load(index: number): Promise<Block> {
    const cached = this.cached(index);
    if (cached !== undefined) return cached;
    const block = (await this.#read(index)) ?? new Block(EMPTY_BLOCK);
    this.#cache.put(this.id, index, block);
    return block;
  }

  /** The same. Blocks behind it come into memory with it: one look at the disk for what is read in order. */
  async loadAhead(index: number): Promise<Block> {
    const { blocks, file } = this.parts;
    const first = blocks[index];
    if (first === undefined || !this.#isOpen || this.cached(index) !== undefined) return this.load(index);
    const ahead = blocks.slice(index, index + BLOCKS_AHEAD);
    const end = ahead.reduce((last, { at, length }) => Math.max(last, at + length), 0);
    if (ahead.length < 2 || end - first.at > MAX_AHEAD_BYTES) return this.load(index);
    try {
      const bytes = Buffer.allocUnsafeSlow(end - first.at);
      await file.read(bytes, first.at);
      for (const [offset, entry] of ahead.entries()) {
        const block = this.#blockIn(bytes.subarray(entry.at - first.at), entry);
        if (block !== undefined) this.#cache.put(this.id, index + offset, block);
      }
    } catch {
      // One that can't be read mustn't cost the others: each is read by itself then.
    }
    return this.load(index);
  }

  async positionOf(ordinal: number): Promise<Position | undefined> {
    const block = await this.load(this.#blockOf(ordinal));
    return block.position(ordinal - block.firstOrdinal);
  }

  /** The ordinal of the record at this position, if there is one. */
  async ordinalOf(position: Position): Promise<number | undefined> {
    const block = await this.load(this.blockFor(position));
    const index = block.indexOf(position);
    return index === undefined ? undefined : block.firstOrdinal + index;
  }

  mayHave(hash: number): boolean {
    return this.parts.filter.mayHave(hash);
  }

  /** The record of this id, if it has one that has not left. */
  async find(id: string): Promise<RunRecord | undefined> {
    const hash = hashId(id);
    if (!this.mayHave(hash) || this.size === 0) return undefined;
    for (const ordinal of await this.parts.ids.ordinalsOf(hash)) {
      if (this.removed.has(ordinal)) continue;
      const block = await this.load(this.#blockOf(ordinal));
      const record = block.record(ordinal - block.firstOrdinal, placeOf(this.id, ordinal));
      if (record?.id === id) return { ...record, ordinal };
    }
    return undefined;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.parts.file.close();
    this.#cache.forget(this.id);
  }

  async #read(index: number): Promise<Block | undefined> {
    const entry = this.parts.blocks[index];
    if (entry === undefined || !this.#isOpen) return undefined;
    try {
      const bytes = Buffer.allocUnsafeSlow(entry.length);
      await this.parts.file.read(bytes, entry.at);
      const block = this.#blockIn(bytes, entry);
      if (block !== undefined) return block;
    } catch {
      // The disk can't read it.
    }
    if (!this.#isOpen) return undefined;
    this.onDamage(Array.from({ length: entry.count }, (_, offset) => entry.firstOrdinal + offset));
    return undefined;
  }

  /** @returns undefined if the bytes don't begin with this block */
  #blockIn(bytes: Buffer, entry: BlockEntry): Block | undefined {
    if (!this.#isOpen) return undefined;
    try {
      const frame = frameAt(bytes, 0, fileSeed("run", this.id) + entry.at);
      const block = frame === undefined ? undefined : new Block(frame.body);
      return block?.firstOrdinal === entry.firstOrdinal ? block : undefined;
    } catch {
      return undefined;
    }
  }

  #blockOf(ordinal: number): number {
    const { blocks } = this.parts;
    let low = 0;
    let high = blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((blocks[middle]?.firstOrdinal ?? 0) <= ordinal) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }
}
