/**
 * The memory engine: queues that live as long as the process, for tests and for devices without a disk to write.
 *
 * Promises what every store promises, durability aside: all is lost when the process ends.
 */
import type { NewRecord, Position, ReadOptions, Settlement, Store, StoredRecord, Stray } from "../store.js";

interface Queue {
  /** In order of score, then id. */
  records: StoredRecord[];
  scores: Map<string, number>;
  strays: Map<string, string>;
}

export class MemoryStore implements Store {
  readonly #queues = new Map<string, Queue>();
  readonly #notes = new Map<string, string>();
  readonly #counters = new Map<string, number>();

  async append(queue: string, records: readonly NewRecord[]): Promise<void> {
    for (const record of records) this.#insert(this.#queue(queue), record);
  }

  async read(
    queue: string,
    { after, before = Infinity, limit }: ReadOptions,
  ): Promise<readonly StoredRecord[]> {
    const { records } = this.#queue(queue);
    const start = after === undefined ? 0 : firstAfter(records, after);
    const page = records.slice(start, start + limit);
    return page.filter((record) => record.score < before);
  }

  async strays(queue: string, limit: number): Promise<readonly Stray[]> {
    const strays = [...this.#queue(queue).strays].slice(0, limit);
    return strays.map(([id, value]) => ({ id, value }));
  }

  async settle({ remove = [], removeStrays = [], add = [], notes, count }: Settlement): Promise<void> {
    for (const { queue, records } of remove) {
      for (const record of records) this.#remove(this.#queue(queue), record.id);
    }
    for (const { queue, ids } of removeStrays) {
      for (const id of ids) this.#queue(queue).strays.delete(id);
    }
    for (const { queue, records } of add) {
      for (const record of records) this.#insert(this.#queue(queue), record);
    }
    for (const [key, text] of notes ?? []) {
      if (text === undefined) this.#notes.delete(key);
      else this.#notes.set(key, text);
    }
    for (const [name, by] of count ?? []) this.#counters.set(name, (this.#counters.get(name) ?? 0) + by);
  }

  async size(queue: string): Promise<number> {
    return this.#queue(queue).records.length;
  }

  async notes(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    return keys.map((key) => this.#notes.get(key));
  }

  async notesUnder(prefix: string): Promise<ReadonlyMap<string, string>> {
    return new Map([...this.#notes].filter(([key]) => key.startsWith(prefix)));
  }

  async counters(): Promise<ReadonlyMap<string, number>> {
    return new Map(this.#counters);
  }

  async close(): Promise<void> {}

  #queue(name: string): Queue {
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = { records: [], scores: new Map(), strays: new Map() };
      this.#queues.set(name, queue);
    }
    return queue;
  }

  #insert(queue: Queue, record: NewRecord): void {
    this.#remove(queue, record.id);
    const { score, id, value } = record;
    queue.records.splice(firstAfter(queue.records, record), 0, { score, id, value });
    queue.scores.set(id, score);
  }

  #remove(queue: Queue, id: string): void {
    const score = queue.scores.get(id);
    if (score === undefined) return;
    queue.records.splice(firstAfter(queue.records, { score, id }) - 1, 1);
    queue.scores.delete(id);
  }
}

/** The index of the first record that stands after the position. */
function firstAfter(records: readonly StoredRecord[], position: Position): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const record = records[middle];
    if (record !== undefined && !isAfter(record, position)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isAfter(a: Position, b: Position): boolean {
  return a.score > b.score || (a.score === b.score && a.id > b.id);
}
