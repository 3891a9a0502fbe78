/**
 * A hash table from the bytes around a line's values to its series, without a string or an object per entry.
 *
 * Promises: memory is bounded. Lines with colliding hashes cost at most MAX_PROBES comparisons and aren't cached: they slow down
 * only their sender.
 */
import type { ScannedLine } from "./scanned-line.js";

/** Limits of entries, and of the bytes of their keys. */
const MAX_ENTRIES = 50_000;
const MAX_KEY_BYTES = 8 * 1024 * 1024;
const FIRST_CAPACITY = 256;
const FIRST_KEY_BYTES = 16 * 1024;
const MAX_PROBES = 16;
/** Numbers per slot: hash, position and length of the key. The key is the name and the fields, which begin with `|`. */
const SLOT = 3;

export class SeriesCache<T> {
  /** A power of two. */
  #capacity = 0;
  #slots = new Int32Array(0);
  /** By slot; undefined if it is free. */
  #values: (T | undefined)[] = [];
  #keys = Buffer.alloc(0);
  #keysEnd = 0;
  #count = 0;

  constructor() {
    this.#grow();
  }

  find(line: ScannedLine): T | undefined {
    const slots = this.#slots;
    const mask = this.#capacity - 1;
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const slot = (line.hash + probe) & mask;
      const value = this.#values[slot];
      if (value === undefined) return undefined;
      if (slots[slot * SLOT] === line.hash && this.#isKeyOf(slot, line)) return value;
    }
    return undefined;
  }

  /** Returns false if the cache is full. @param line one that isn't cached */
  add(line: ScannedLine, value: T): boolean {
    const { bytes, start, colon, bar, end } = line;
    const length = colon - start + (end - bar);
    if (this.#count >= MAX_ENTRIES || this.#keysEnd + length > MAX_KEY_BYTES) return false;
    if (this.#count * 2 >= this.#capacity) this.#grow();
    this.#makeRoom(length);
    const at = this.#keysEnd;
    bytes.copy(this.#keys, at, start, colon);
    bytes.copy(this.#keys, at + colon - start, bar, end);
    if (!this.#put(line.hash, at, length, value)) return true;
    this.#keysEnd += length;
    this.#count++;
    return true;
  }

  #isKeyOf(slot: number, { bytes, start, colon, bar, end }: ScannedLine): boolean {
    const slots = this.#slots;
    if (slots[slot * SLOT + 2] !== colon - start + (end - bar)) return false;
    const keys = this.#keys;
    let key = slots[slot * SLOT + 1] ?? 0;
    for (let at = start; at < colon; at++, key++) if (bytes[at] !== keys[key]) return false;
    for (let at = bar; at < end; at++, key++) if (bytes[at] !== keys[key]) return false;
    return true;
  }

  /** Returns false if none of the probed slots is free. */
  #put(hash: number, place: number, length: number, value: T): boolean {
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const slot = (hash + probe) & (this.#capacity - 1);
      if (this.#values[slot] !== undefined) continue;
      this.#slots.set([hash, place, length], slot * SLOT);
      this.#values[slot] = value;
      return true;
    }
    return false;
  }

  #grow(): void {
    const [slots, values] = [this.#slots, this.#values];
    this.#capacity = Math.max(FIRST_CAPACITY, this.#capacity * 2);
    this.#slots = new Int32Array(this.#capacity * SLOT);
    this.#values = new Array<T | undefined>(this.#capacity).fill(undefined);
    this.#count = 0;
    for (const [slot, value] of values.entries()) {
      if (value === undefined) continue;
      const [hash = 0, place = 0, length = 0] = slots.subarray(slot * SLOT, slot * SLOT + SLOT);
      if (this.#put(hash, place, length, value)) this.#count++;
    }
  }

  #makeRoom(length: number): void {
    const needed = this.#keysEnd + length;
    if (needed <= this.#keys.length) return;
    const keys = Buffer.alloc(Math.max(FIRST_KEY_BYTES, 2 * this.#keys.length, needed));
    this.#keys.copy(keys);
    this.#keys = keys;
  }
}
