/**
 * One queue in LMDB: a table of records in their order, and two small ones for ids and values that came apart.
 *
 * A record is one entry, its place being its key, so that to store it costs one write and to store it again
 * changes nothing. There is no index by id: nothing that works on a queue needs one, and it would more than
 * double what is written to the disk.
 */
import type { Database, RootDatabase } from "lmdb";
import type { QueueWrite } from "../broker-store.js";
import type { Position, ReadOptions, StoredRecord, Stray } from "../store.js";

type Key = [score: number, id: string];

/** The value of an id that was stored without one; a real value is JSON and never empty. */
const NO_VALUE = "";
const LOOKING_PAGE = 10_000;

export class LmdbQueue {
  readonly #records: Database<string, Key>;
  /** Scores of ids that have no value yet. */
  readonly #unpaired: Database<number, string>;
  readonly #strays: Database<string, string>;

  constructor(root: RootDatabase, name: string) {
    this.#records = root.openDB({ name, encoding: "string" });
    this.#unpaired = root.openDB({ name: `${name}#unpaired`, encoding: "json" });
    this.#strays = root.openDB({ name: `${name}#strays`, encoding: "string" });
  }

  put(records: readonly { readonly score: number; readonly id: string; readonly value: string }[]): void {
    for (const { score, id, value } of records) this.#records.put([score, id], value);
  }

  /** Call it inside a transaction that reads its own writes, unless the write has both score and value. */
  write({ id, score, value }: QueueWrite): void {
    if (score !== undefined && value !== undefined) this.#records.put([score, id], value);
    else if (score !== undefined) this.#writeId(id, score);
    else if (value !== undefined) this.#writeValue(id, value);
  }

  #writeId(id: string, score: number): void {
    const stray = this.#strays.get(id);
    this.#records.put([score, id], stray ?? NO_VALUE);
    if (stray === undefined) this.#unpaired.put(id, score);
    else this.#strays.remove(id);
  }

  #writeValue(id: string, value: string): void {
    const score = this.#unpaired.get(id);
    if (score === undefined) {
      this.#strays.put(id, value);
    } else {
      this.#records.put([score, id], value);
      this.#unpaired.remove(id);
    }
  }

  remove(records: readonly Position[]): void {
    const unpaired = this.#unpaired.getStats() as { entryCount: number };
    for (const { score, id } of records) {
      this.#records.remove([score, id]);
      if (unpaired.entryCount > 0) this.#unpaired.remove(id);
    }
  }

  removeStrays(ids: readonly string[]): void {
    for (const id of ids) this.#strays.remove(id);
  }

  read({ after, before, limit }: ReadOptions): readonly StoredRecord[] {
    const page: StoredRecord[] = [];
    const range = this.#records.getRange({
      ...(after === undefined ? {} : { start: [after.score, after.id], exclusiveStart: true }),
      // A key of the score alone stands before every record of that score.
      ...(before === undefined ? {} : { end: [before] as unknown as Key }),
      limit,
    });
    for (const { key, value } of range) {
      page.push({ score: key[0], id: key[1], value: value === NO_VALUE ? undefined : value });
    }
    return page;
  }

  strays(limit: number): readonly Stray[] {
    return [...this.#strays.getRange({ limit })].map(({ key, value }) => ({ id: key, value }));
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

  /** In pages, between which others get their turn. */
  async values(ids: readonly string[]): Promise<readonly (string | undefined)[]> {
    const found = new Map<string, string | undefined>(ids.map((id) => [id, this.#strays.get(id)]));
    let page: readonly StoredRecord[] = [];
    do {
      const after = page.at(-1);
      page = this.read({ limit: LOOKING_PAGE, ...(after === undefined ? {} : { after }) });
      for (const { id, value } of page) {
        if (found.has(id)) found.set(id, value);
      }
      await new Promise(setImmediate);
    } while (page.length === LOOKING_PAGE);
    return ids.map((id) => found.get(id));
  }
}

function entries(table: Database<unknown, never> | Database): number {
  return (table.getStats() as { entryCount: number }).entryCount;
}
