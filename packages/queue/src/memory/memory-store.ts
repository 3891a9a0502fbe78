/**
 * The memory engine: queues in memory, for tests and benchmarks.
 *
 * Promises the same as every store except durability: everything is lost when the process ends.
 */
import { boundedPage } from "../bounded-page.js";
import { countThrough } from "../order.js";
import { checkEpoch, checkState } from "../stale.js";
import type { NewRecord, Orphan, Position, ReadOptions, Settlement, Store, StoredRecord } from "../store.js";

/** Records in order of score, then id, and an index by id. */
interface Queue {
  readonly records: NewRecord[];
  readonly byId: Map<string, NewRecord>;
}

export class MemoryStore implements Store {
  readonly epoch = 0;
  readonly #queues = new Map<string, Queue>();
  readonly #state = new Map<string, string>();
  readonly #counters = new Map<string, number>();

  async append(queue: string, records: readonly NewRecord[]): Promise<void> {
    insert(this.#queue(queue), records);
  }

  async read(queue: string, { after, before, limit }: ReadOptions): Promise<readonly StoredRecord[]> {
    const { records } = this.#queue(queue);
    const start = after === undefined ? 0 : countThrough(records, after);
    const page = records.slice(start, start + limit);
    return boundedPage(before === undefined ? page : page.filter((record) => record.score < before));
  }

  /** There are none: `append` always writes an id with its value. */
  async orphans(): Promise<readonly Orphan[]> {
    return [];
  }

  async settle({ onlyWhile, onlyInEpoch, remove = [], add = [], state, count }: Settlement): Promise<void> {
    checkEpoch(onlyInEpoch, this.epoch);
    checkState(onlyWhile ?? new Map(), (key) => this.#state.get(key));
    for (const { queue, records, counter } of remove) {
      const removed = removeAll(this.#queue(queue), records);
      if (counter !== undefined && removed > 0) this.#count(counter, removed);
    }
    for (const { queue, records } of add) insert(this.#queue(queue), records);
    for (const [key, text] of state ?? []) {
      if (text === undefined) this.#state.delete(key);
      else this.#state.set(key, text);
    }
    for (const [name, by] of count ?? []) this.#count(name, by);
  }

  async size(queue: string): Promise<number> {
    return this.#queue(queue).records.length;
  }

  async state(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    return keys.map((key) => this.#state.get(key));
  }

  async stateWithPrefix(prefix: string): Promise<ReadonlyMap<string, string>> {
    return new Map([...this.#state].filter(([key]) => key.startsWith(prefix)));
  }

  async counters(): Promise<ReadonlyMap<string, number>> {
    return new Map(this.#counters);
  }

  async close(): Promise<void> {}

  #count(counter: string, by: number): void {
    this.#counters.set(counter, (this.#counters.get(counter) ?? 0) + by);
  }

  #queue(name: string): Queue {
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = { records: [], byId: new Map() };
      this.#queues.set(name, queue);
    }
    return queue;
  }
}

function insert(queue: Queue, records: readonly NewRecord[]): void {
  for (const { score, id, value } of records) {
    // As in Redis, -0 and 0 are the same score: `-0 + 0` is 0.
    const record = { score: score + 0, id, value };
    if (queue.byId.has(id)) removeAll(queue, [record]);
    queue.records.splice(countThrough(queue.records, record), 0, record);
    queue.byId.set(id, record);
  }
}

/**
 * Removes records and closes the gaps in one pass: removed records are usually adjacent, at the front.
 * @returns the number of records that were there
 */
function removeAll({ records, byId }: Queue, positions: readonly Position[]): number {
  const before = byId.size;
  let first = records.length;
  let end = 0;
  for (const { id } of positions) {
    const record = byId.get(id);
    if (record === undefined) continue;
    byId.delete(id);
    const through = countThrough(records, record);
    first = Math.min(first, through - 1);
    end = Math.max(end, through);
  }
  let kept = first;
  for (let index = first; index < end; index++) {
    const record = records[index];
    if (record !== undefined && byId.has(record.id)) records[kept++] = record;
  }
  if (end > kept) records.splice(kept, end - kept);
  return before - byId.size;
}
