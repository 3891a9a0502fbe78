/**
 * A run: an immutable file of records in order. Memory has an index of its blocks, a filter of its ids, and a bit for each
 * removed record.
 *
 * A block that can't be read costs its records: it is replaced by an empty one and reported to {@link Run.onDamage}.
 */

import { comparePositions, countThrough, countWhile } from "../order.js";
import type { Position, StoredRecord } from "../store.js";
import { Block } from "./block.js";
import type { BlockCache } from "./block-cache.js";
import type { StoreFile } from "./files.js";
import { fileSeed, frameAt } from "./frame.js";
import { hashId, type IdFilter } from "./id-filter.js";
import { type IdTable, MAX_RUN_RECORDS } from "./id-table.js";
import { RemovedSet } from "./removed-set.js";
import type { BlockEntry } from "./run-format.js";

/** The body of a block without records. */
const EMPTY_BLOCK = Buffer.from([0, 0, 0]);
/** Read-ahead: number of blocks, and maximum bytes. */
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

/** A record's run and ordinal as one exact number: see {@link Position.place}. */
export function placeOf(run: number, ordinal: number): number {
  return run * MAX_RUN_RECORDS + ordinal;
}

/** The inverse of {@link placeOf}. */
export function inRun(place: number): { readonly run: number; readonly ordinal: number } {
  const run = Math.floor(place / MAX_RUN_RECORDS);
  return { run, ordinal: place - run * MAX_RUN_RECORDS };
}

export class Run {
  readonly parts: RunParts;
  readonly removed: RemovedSet;
  /** The queue's records with a smaller number are in this run or an older one, or were removed. */
  below = 0;
  onDamage: (ordinals: readonly number[]) => void = () => {};
  readonly #cache: BlockCache;
  #hashes: Uint32Array | undefined;
  #isOpen = true;

  /** @param hashes of its ids, kept until {@link takeHashes} */
  constructor(parts: RunParts, hashes: Uint32Array, cache: BlockCache) {
    this.parts = parts;
    this.#hashes = hashes;
    this.removed = new RemovedSet(parts.count);
    this.#cache = cache;
  }

  get id(): number {
    return this.parts.run;
  }

  /** Hashes of its ids, in any order, for the queue's filter. They are released: undefined on a second call. */
  takeHashes(): Uint32Array | undefined {
    const hashes = this.#hashes;
    this.#hashes = undefined;
    return hashes;
  }

  /** Number of records that haven't been removed. */
  get size(): number {
    return this.parts.count - this.removed.count;
  }

  /** Bytes of its file that belong to records that haven't been removed; an estimate. */
  get liveBytes(): number {
    return this.parts.count === 0 ? 0 : (this.parts.bytes * this.size) / this.parts.count;
  }

  /** Whether the position is between its first record and its last. */
  covers(position: Position): boolean {
    const [first] = this.parts.blocks;
    if (first === undefined || this.size === 0) return false;
    return comparePositions(first, position) <= 0 && comparePositions(position, this.parts.last) <= 0;
  }

  /** The index of the block that would contain the position. */
  blockFor(position: Position): number {
    return Math.max(0, countThrough(this.parts.blocks, position) - 1);
  }

  /** The block, if it is in memory. */
  cached(index: number): Block | undefined {
    return this.#cache.get(this.id, index);
  }

  /** The block; an empty one if it can't be read. Never rejects. */
  async load(index: number): Promise<Block> {
    const cached = this.cached(index);
    if (cached !== undefined) return cached;
    const block = (await this.#read(index)) ?? new Block(EMPTY_BLOCK);
    this.#cache.put(this.id, index, block);
    return block;
  }

  /** Like {@link load}, but reads the following blocks into the cache as well, for sequential reading. */
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
      // One unreadable block must not cost the others: they are read one by one then.
    }
    return this.load(index);
  }

  async positionOf(ordinal: number): Promise<Position | undefined> {
    const block = await this.load(this.#blockOf(ordinal));
    return block.position(ordinal - block.firstOrdinal);
  }

  /** The ordinal of the record at this position; undefined if there is none. */
  async ordinalOf(position: Position): Promise<number | undefined> {
    const block = await this.load(this.blockFor(position));
    const index = block.indexOf(position);
    return index === undefined ? undefined : block.firstOrdinal + index;
  }

  /** Whether it may have an id of this hash. */
  mayHave(hash: number): boolean {
    return this.parts.filter.mayHave(hash);
  }

  /** The record of this id; undefined if there is none or it was removed. */
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

  /** Undefined if the bytes don't start with this block. */
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
    const through = countWhile(blocks.length, (index) => (blocks[index]?.firstOrdinal ?? 0) <= ordinal);
    return Math.max(0, through - 1);
  }
}
