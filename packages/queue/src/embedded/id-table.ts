/**
 * The id table of a run: finds records by id through hashes and ordinals on disk, sorted by hash.
 *
 * Hashes are evenly distributed, so a hash's offset can be estimated: a look-up takes one or two reads.
 */
import { crc32 } from "node:zlib";
import type { StoreFile } from "./files.js";
import { ID_ENTRY_BYTES } from "./run-format.js";

const ORDINAL_AT = 4;
/** Number of entries that a look-up reads at a time. */
const WINDOW = 256;
/** Number of entries that a scan of the whole table reads at a time. */
const PART = 32 * 1024;
/** Limit of a run's records, so that hash and ordinal fit into one exact double. */
export const MAX_RUN_RECORDS = 2 ** 21;

/** Builds a table. @param hashes by ordinal */
export function idTable(hashes: readonly number[]): Buffer {
  const keys = new Float64Array(hashes.length);
  for (let ordinal = 0; ordinal < keys.length; ordinal++)
    keys[ordinal] = (hashes[ordinal] ?? 0) * MAX_RUN_RECORDS + ordinal;
  keys.sort();
  const table = Buffer.allocUnsafeSlow(keys.length * ID_ENTRY_BYTES);
  const view = new DataView(table.buffer);
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] ?? 0;
    const hash = Math.floor(key / MAX_RUN_RECORDS);
    view.setUint32(index * ID_ENTRY_BYTES, hash, true);
    view.setUint32(index * ID_ENTRY_BYTES + ORDINAL_AT, key - hash * MAX_RUN_RECORDS, true);
  }
  return table;
}

export class IdTable {
  readonly #source: Buffer | StoreFile;
  readonly #at: number;
  readonly #count: number;

  /** @param at offset of the table in the source */
  constructor(source: Buffer | StoreFile, at: number, count: number) {
    this.#source = source;
    this.#at = at;
    this.#count = count;
  }

  /** Ordinals of the records whose id has this hash. */
  async ordinalsOf(hash: number): Promise<readonly number[]> {
    let low = 0;
    let high = this.#count;
    // The first entry with this hash or a greater one is in [low, high].
    let start = Math.max(0, Math.floor((hash / 2 ** 32) * this.#count) - WINDOW / 2);
    while (high - low > WINDOW) {
      const window = await this.#read(start, Math.min(WINDOW, this.#count - start));
      const last = window.length / ID_ENTRY_BYTES - 1;
      if (hashAt(window, 0) >= hash) high = start;
      else if (hashAt(window, last) < hash) low = start + last + 1;
      else [low, high] = [start, start + last];
      start = low + ((high - low) >> 1);
    }
    const found: number[] = [];
    const window = await this.#read(low, Math.min(2 * WINDOW, this.#count - low));
    for (let index = 0; index < window.length / ID_ENTRY_BYTES; index++) {
      if (hashAt(window, index) === hash)
        found.push(window.readUInt32LE(index * ID_ENTRY_BYTES + ORDINAL_AT));
    }
    return found;
  }

  /** Calls `take` with every hash. @returns the checksum of the table */
  async eachHash(take: (hash: number) => void): Promise<number> {
    let crc = 0;
    for (let start = 0; start < this.#count; start += PART) {
      const part = await this.#read(start, Math.min(PART, this.#count - start));
      crc = crc32(part, crc);
      const view = new DataView(part.buffer, part.byteOffset, part.length);
      for (let at = 0; at < part.length; at += ID_ENTRY_BYTES) take(view.getUint32(at, true));
    }
    return crc;
  }

  async #read(start: number, count: number): Promise<Buffer> {
    const from = this.#at + start * ID_ENTRY_BYTES;
    const length = count * ID_ENTRY_BYTES;
    if (Buffer.isBuffer(this.#source)) return this.#source.subarray(from, from + length);
    const window = Buffer.alloc(length);
    await this.#source.read(window, from);
    return window;
  }
}

function hashAt(window: Buffer, index: number): number {
  return window.readUInt32LE(index * ID_ENTRY_BYTES);
}
