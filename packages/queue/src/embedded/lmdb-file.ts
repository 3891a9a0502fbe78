/**
 * Reads an LMDB file, the store of version 0.1.0, in plain TypeScript.
 *
 * The file may be damaged anywhere: each page must have the expected number, each entry must be within its page, and one
 * that isn't is skipped alone. A page is read at most once per table, so that no damage causes an endless loop; after the
 * deadline no page is read. The layout is that of `lmdb` 3 (data version 2): https://github.com/kriszyp/lmdb-js.
 */
import { fstatSync, readSync } from "node:fs";

const MAGIC = 0xbeefc0de;
const HEADER = 24;
const FLAGS_AT = 18;
const LOWER_AT = 20;
const BRANCH = 1;
const LEAF = 2;
/** Offsets in a meta page. */
const PAGE_SIZE_AT = 48;
const MAIN_TABLE_AT = 96;
const COMMIT_AT = 152;
/** Size and offsets of a table's description. */
const TABLE_BYTES = 48;
const ENTRIES_AT = 32;
const ROOT_AT = 40;
const NODE_HEADER = 8;
const ON_OTHER_PAGES = 1;
const MAX_DEPTH = 32;
const MAX_VALUE = 64 * 1024 * 1024;
const PAGE_SIZES: readonly number[] = [4_096, 8_192, 16_384, 32_768, 65_536];

export interface LmdbTable {
  readonly name: string;
  /** Number of entries that it should have. */
  readonly entries: number;
  readonly root: number;
}

export interface LmdbEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

export class LmdbFile {
  readonly #file: number;
  readonly #bytes: number;
  readonly #pageSize: number;
  /** Roots of the table of tables, that of the last commit first. */
  readonly #roots: readonly number[];
  readonly #deadline: number;

  /**
   * @param file a readable file descriptor
   * @param deadline after which no page is read, by `performance.now()`
   */
  constructor(file: number, deadline: number) {
    this.#file = file;
    this.#deadline = deadline;
    this.#bytes = fstatSync(file).size;
    const metas = [0, ...PAGE_SIZES].flatMap((at) => this.#meta(at));
    this.#pageSize = metas[0]?.pageSize ?? PAGE_SIZES[0] ?? 0;
    this.#roots = metas.sort((a, b) => Number(b.commit - a.commit)).map(({ root }) => root);
  }

  /** The tables of the last commit, or of the one before if none can be read. */
  tables(): readonly LmdbTable[] {
    for (const root of this.#roots) {
      const tables = [...this.#entries(root)].flatMap(({ key, value }) => {
        if (value.length !== TABLE_BYTES) return [];
        const entries = Number(value.readBigUInt64LE(ENTRIES_AT));
        return { name: nameOf(key), entries, root: Number(value.readBigUInt64LE(ROOT_AT)) };
      });
      if (tables.length > 0) return tables;
    }
    return [];
  }

  /** The entries that can be read, in order. */
  entries(table: LmdbTable): Generator<LmdbEntry> {
    return this.#entries(table.root);
  }

  *#entries(number: number, passed = new Set<number>(), depth = 0): Generator<LmdbEntry> {
    if (passed.has(number) || depth > MAX_DEPTH) return;
    passed.add(number);
    const page = this.#page(number);
    if (page === undefined) return;
    const flags = page.readUInt16LE(FLAGS_AT);
    // Offsets in a page count from the end of its header.
    const count = Math.min(page.readUInt16LE(LOWER_AT), page.length - HEADER) >> 1;
    for (let index = 0; index < count; index++) {
      const at = HEADER + page.readUInt16LE(HEADER + index * 2);
      if (at + NODE_HEADER > page.length) continue;
      if ((flags & BRANCH) !== 0) {
        const child = page.readUInt32LE(at) + page.readUInt16LE(at + 4) * 2 ** 32;
        yield* this.#entries(child, passed, depth + 1);
      } else if ((flags & LEAF) !== 0) {
        const entry = this.#entry(page, at);
        if (entry !== undefined) yield entry;
      }
    }
  }

  #entry(page: Buffer, at: number): LmdbEntry | undefined {
    const length = page.readUInt32LE(at);
    const flags = page.readUInt16LE(at + 4);
    const keyEnd = at + NODE_HEADER + page.readUInt16LE(at + 6);
    const inPage = (flags & ON_OTHER_PAGES) === 0;
    if (keyEnd + (inPage ? length : 8) > page.length || length > MAX_VALUE) return undefined;
    const key = page.subarray(at + NODE_HEADER, keyEnd);
    if (inPage) return { key, value: page.subarray(keyEnd, keyEnd + length) };
    const first = Number(page.readBigUInt64LE(keyEnd));
    if (this.#page(first) === undefined) return undefined;
    const value = Buffer.alloc(length);
    const read = readSync(this.#file, value, 0, length, first * this.#pageSize + HEADER);
    return read === length ? { key, value } : undefined;
  }

  #page(number: number): Buffer | undefined {
    if (!(number > 0 && (number + 1) * this.#pageSize <= this.#bytes)) return undefined;
    if (performance.now() > this.#deadline) return undefined;
    const page = Buffer.alloc(this.#pageSize);
    readSync(this.#file, page, 0, page.length, number * this.#pageSize);
    return Number(page.readBigUInt64LE(0)) === number ? page : undefined;
  }

  #meta(at: number) {
    const page = Buffer.alloc(COMMIT_AT + 8);
    if (readSync(this.#file, page, 0, page.length, at) < page.length) return [];
    const pageSize = page.readUInt32LE(PAGE_SIZE_AT);
    if (page.readUInt32LE(HEADER) !== MAGIC || !PAGE_SIZES.includes(pageSize)) return [];
    if (at !== 0 && at !== pageSize) return [];
    const root = Number(page.readBigUInt64LE(MAIN_TABLE_AT + ROOT_AT));
    return [{ pageSize, root, commit: page.readBigUInt64LE(COMMIT_AT) }];
  }
}

/** A name ends with a NUL. */
function nameOf(key: Buffer): string {
  return key.toString("utf8").replace(/\0$/, "");
}
