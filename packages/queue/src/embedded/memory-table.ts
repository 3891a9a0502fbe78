/**
 * The part of a queue that is in memory: its records in order and by their ids.
 *
 * Records mostly arrive in order and leave from the front. They are kept in short sorted lists, so that a late one moves
 * a few hundred others at most. A removed record is only marked, until marked ones are the majority in number or bytes
 * and are all dropped: so removed records never take much more memory than the others.
 */

import { comparePositions, countThrough, countWhile } from "../order.js";
import type { Position } from "../store.js";

export interface Entry extends Position {
  readonly value: string | undefined;
  /** Number of the write that stored it; numbers increase over the store's life. */
  readonly number: number;
  /** False once it is removed or replaced. */
  live: boolean;
}

const MAX_CHUNK = 512;
/** Fewer marked entries, or bytes of them, aren't worth dropping. */
const MIN_TIDY = 1_024;
const MIN_TIDY_BYTES = 1024 * 1024;
/** Estimated memory of an entry without its texts. */
const ENTRY_BYTES = 200;

export class Table {
  #chunks: Entry[][] = [];
  readonly #byId = new Map<string, Entry>();
  #marked = 0;
  #markedBytes = 0;
  #bytes = 0;
  #valueless = 0;

  get size(): number {
    return this.#byId.size;
  }

  /** Estimated memory. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Total length of ids and values, in UTF-16 units. */
  get textBytes(): number {
    return this.#bytes - this.size * ENTRY_BYTES;
  }

  /** Number of entries without a value. */
  get valueless(): number {
    return this.#valueless;
  }

  get(id: string): Entry | undefined {
    return this.#byId.get(id);
  }

  /** @returns the entry of the same id that it replaces */
  put(entry: Entry): Entry | undefined {
    const replaced = this.#byId.get(entry.id);
    if (replaced !== undefined) this.remove(replaced);
    this.#byId.set(entry.id, entry);
    this.#insert(entry);
    this.#bytes += bytesOf(entry);
    if (entry.value === undefined) this.#valueless += 1;
    return replaced;
  }

  remove(entry: Entry): void {
    if (!entry.live) return;
    entry.live = false;
    this.#byId.delete(entry.id);
    const bytes = bytesOf(entry);
    this.#bytes -= bytes;
    if (entry.value === undefined) this.#valueless -= 1;
    this.#marked += 1;
    this.#markedBytes += bytes;
    if (this.#byId.size === 0) {
      this.#chunks = [];
      this.#marked = 0;
      this.#markedBytes = 0;
    } else if (
      this.#marked > this.#byId.size + MIN_TIDY ||
      this.#markedBytes > this.#bytes + MIN_TIDY_BYTES
    ) {
      this.#tidy();
    }
  }

  /** The live entries after a position, in order; valid until the next change. */
  *after(position: Position | undefined): Generator<Entry, undefined> {
    let chunkIndex = 0;
    let index = 0;
    if (position !== undefined) {
      chunkIndex = this.#chunkFor(position);
      index = countThrough(this.#chunks[chunkIndex] ?? [], position);
    }
    for (; chunkIndex < this.#chunks.length; chunkIndex++, index = 0) {
      const chunk = this.#chunks[chunkIndex] ?? [];
      for (; index < chunk.length; index++) {
        const entry = chunk[index];
        if (entry?.live) yield entry;
      }
    }
  }

  #insert(entry: Entry): void {
    const newest = this.#chunks.at(-1);
    const end = newest?.at(-1);
    // Records mostly arrive in order.
    if (newest !== undefined && end !== undefined && comparePositions(end, entry) <= 0) {
      if (newest.length < MAX_CHUNK) newest.push(entry);
      else this.#chunks.push([entry]);
      return;
    }
    const at = this.#chunkFor(entry);
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      this.#chunks.push([entry]);
      return;
    }
    chunk.splice(countThrough(chunk, entry), 0, entry);
    if (chunk.length > MAX_CHUNK) this.#chunks.splice(at + 1, 0, chunk.splice(MAX_CHUNK / 2));
  }

  /** The first chunk that ends after the position, or the last one. */
  #chunkFor(position: Position): number {
    const ended = countWhile(this.#chunks.length, (index) => {
      const end = this.#chunks[index]?.at(-1);
      return end !== undefined && comparePositions(end, position) <= 0;
    });
    return Math.max(0, Math.min(ended, this.#chunks.length - 1));
  }

  #tidy(): void {
    this.#chunks = this.#chunks
      .map((chunk) => chunk.filter((entry) => entry.live))
      .filter((chunk) => chunk.length > 0);
    this.#marked = 0;
    this.#markedBytes = 0;
  }
}

function bytesOf({ id, value }: Entry): number {
  return id.length + (value?.length ?? 0) + ENTRY_BYTES;
}
