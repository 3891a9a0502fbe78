/**
 * One queue in LMDB: a table of records in their order, and two small ones for ids and values that came apart.
 *
 * A record is one entry, its place being its key, so that to store it costs one write and to store it again
 * changes nothing. There is no index by id: nothing that works on a queue needs one, and it would more than
 * double what is written to the disk. Hence two differences from Redis, in what no client of Chouette does: a
 * known id with another score is another record, and a known id with another value alone is a stray.
 *
 * Everything that writes is called inside a transaction.
 */
import type { Database, RootDatabase } from "lmdb";
import { boundedPage } from "../bounded-page.js";
import type { QueueWrite } from "../broker-store.js";
import type { Position, ReadOptions, StoredRecord, Stray } from "../store.js";
import { RECORDS_PREFIX, STRAYS_PREFIX, UNPAIRED_PREFIX, valueEncoding } from "./file-format.js";

type Key = [score: number, id: string];

/** The value of an id that was stored without one; a real value is JSON and never empty. */
const NO_VALUE = "";

export class LmdbQueue {
  readonly #records: Database<string, Key>;
  /** Scores of ids that have no value yet. */
  readonly #unpaired: Database<number, string>;
  readonly #strays: Database<string, string>;

  constructor(root: RootDatabase, name: string) {
    const table = (prefix: string) => ({ name: prefix + name, encoding: valueEncoding(prefix + name) });
    this.#records = root.openDB(table(RECORDS_PREFIX));
    this.#unpaired = root.openDB(table(UNPAIRED_PREFIX));
    this.#strays = root.openDB(table(STRAYS_PREFIX));
  }

  write(writes: readonly Omit<QueueWrite, "queue">[]): void {
    let apart = entries(this.#unpaired) + entries(this.#strays) > 0;
    for (const { id, score, value } of writes) {
      if (score !== undefined && value !== undefined) {
        if (apart) this.#forgetParts(id);
        this.#records.put(keyOf({ score, id }), value);
        continue;
      }
      apart = true;
      if (score !== undefined) this.#writeId(id, score);
      else if (value !== undefined) this.#writeValue(id, value);
    }
  }

  #forgetParts(id: string): void {
    const score = this.#unpaired.get(id);
    if (score !== undefined) this.#records.remove(keyOf({ score, id }));
    this.#unpaired.remove(id);
    this.#strays.remove(id);
  }

  #writeId(id: string, score: number): void {
    if (this.#records.doesExist(keyOf({ score, id }))) return;
    const value = this.#strays.get(id);
    this.#forgetParts(id);
    this.#records.put(keyOf({ score, id }), value ?? NO_VALUE);
    if (value === undefined) this.#unpaired.put(id, score);
  }

  #writeValue(id: string, value: string): void {
    const score = this.#unpaired.get(id);
    if (score === undefined) {
      this.#strays.put(id, value);
    } else {
      this.#records.put(keyOf({ score, id }), value);
      this.#unpaired.remove(id);
    }
  }

  /** @returns how many of them were there */
  remove(records: readonly Position[]): number {
    const apart = entries(this.#unpaired) > 0;
    const before = this.size();
    for (const record of records) {
      this.#records.remove(keyOf(record));
      if (apart && this.#unpaired.get(record.id) === record.score) this.#unpaired.remove(record.id);
    }
    return before - this.size();
  }

  removeStrays(ids: readonly string[]): void {
    for (const id of ids) this.#strays.remove(id);
  }

  read({ after, before, limit }: ReadOptions): readonly StoredRecord[] {
    const range = this.#records.getRange({
      ...(after === undefined ? {} : { start: keyOf(after), exclusiveStart: true }),
      // A key of the score alone stands before every record of that score.
      ...(before === undefined ? {} : { end: [before + 0] as unknown as Key }),
      limit,
    });
    return boundedPage(
      range.map(({ key: [score, id], value }) => ({
        score,
        id,
        value: value === NO_VALUE ? undefined : value,
      })),
    );
  }

  strays(limit: number): readonly Stray[] {
    return boundedPage(this.#strays.getRange({ limit }).map(({ key, value }) => ({ id: key, value })));
  }

  stray(id: string): string | undefined {
    return this.#strays.get(id);
  }

  bytes(): number {
    return bytesOf(this.#records) + bytesOf(this.#unpaired) + bytesOf(this.#strays);
  }

  size(): number {
    return entries(this.#records);
  }

  valueCount(): number {
    return entries(this.#records) - entries(this.#unpaired) + entries(this.#strays);
  }

  range(start: number, stop: number): readonly Position[] {
    const size = this.size();
    const first = Math.max(0, start < 0 ? size + start : start);
    const last = Math.min(size - 1, stop < 0 ? size + stop : stop);
    if (first > last) return [];
    const keys = this.#records.getKeys({ offset: first, limit: last - first + 1 });
    return [...keys].map(([score, id]) => ({ score, id }));
  }
}

/** As in Redis, -0 and 0 are one score: added to 0, either is 0. */
function keyOf({ score, id }: Position): Key {
  return [score + 0, id];
}

function entries(table: Database<unknown, never> | Database): number {
  return (table.getStats() as { entryCount: number }).entryCount;
}

interface TableStats {
  readonly pageSize: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

/** Bytes of the pages that a table takes. */
export function bytesOf(table: Database<unknown, never> | Database): number {
  const { pageSize, treeBranchPageCount, treeLeafPageCount, overflowPages } = table.getStats() as TableStats;
  return pageSize * (treeBranchPageCount + treeLeafPageCount + overflowPages);
}
