/**
 * The LMDB engine: queues in one file on the device's disk, for the embedded broker.
 *
 * Promises what every store promises. Durable to the last group commit: what a call's promise has confirmed
 * survives a power cut. The file belongs to one process at a time.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import { type Database, open, type RootDatabase } from "lmdb";
import type { BrokerStore, QueueWrite } from "../broker-store.js";
import type { NewRecord, Position, ReadOptions, Settlement, StoredRecord, Stray } from "../store.js";
import { GroupCommit } from "./group-commit.js";
import { LmdbQueue } from "./lmdb-queue.js";

export interface LmdbStoreOptions {
  /** The folder of the store's file; made where it isn't there. */
  readonly directory: string;
  /** The longest that a record waits for others before all are written to disk; 50 ms unless given. */
  readonly commitInterval?: Milliseconds;
}

const DEFAULT_COMMIT_INTERVAL = milliseconds(50);
/** Three tables a queue, and LMDB keeps room for each whether it is used or not. */
const MOST_TABLES = 192;

export class LmdbStore implements BrokerStore {
  readonly #root: RootDatabase;
  readonly #commits: GroupCommit;
  readonly #queues = new Map<string, LmdbQueue>();
  readonly #notes: Database<string, string>;
  readonly #countersTable: Database<number, string>;
  /** What the table of counters holds after the changes that are under way. */
  readonly #counters: Map<string, number>;

  constructor({ directory, commitInterval = DEFAULT_COMMIT_INTERVAL }: LmdbStoreOptions) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#root = open({ path: join(directory, "chouette.mdb"), maxDbs: MOST_TABLES });
    this.#commits = new GroupCommit(this.#root, commitInterval);
    this.#notes = this.#root.openDB({ name: "notes", encoding: "string" });
    this.#countersTable = this.#root.openDB({ name: "counters", encoding: "json" });
    this.#counters = new Map([...this.#countersTable.getRange()].map(({ key, value }) => [key, value]));
  }

  append(queue: string, records: readonly NewRecord[]): Promise<void> {
    const table = this.#queue(queue);
    return this.#commits.add({ apply: () => table.put(records) });
  }

  write(writes: readonly QueueWrite[], notes?: ReadonlyMap<string, string>): Promise<void> {
    const tables = writes.map((write) => this.#queue(write.queue));
    const readsOwnCommit = writes.some(({ score, value }) => score === undefined || value === undefined);
    const apply = () => {
      for (const [index, write] of writes.entries()) tables[index]?.write(write);
      for (const [key, text] of notes ?? []) this.#writeNote(key, text);
    };
    return this.#commits.add({ apply, readsOwnCommit });
  }

  async read(queue: string, options: ReadOptions): Promise<readonly StoredRecord[]> {
    return this.#queue(queue).read(options);
  }

  async strays(queue: string, limit: number): Promise<readonly Stray[]> {
    return this.#queue(queue).strays(limit);
  }

  settle({ remove = [], removeStrays = [], add = [], notes, count }: Settlement): Promise<void> {
    const removals = remove.map(({ queue, records }) => ({ table: this.#queue(queue), records }));
    const strayRemovals = removeStrays.map(({ queue, ids }) => ({ table: this.#queue(queue), ids }));
    const additions = add.map(({ queue, records }) => ({ table: this.#queue(queue), records }));
    const apply = () => {
      for (const { table, records } of removals) table.remove(records);
      for (const { table, ids } of strayRemovals) table.removeStrays(ids);
      for (const { table, records } of additions) table.put(records);
      for (const [key, text] of notes ?? []) this.#writeNote(key, text);
      for (const [name, by] of count ?? []) this.#raise(name, by);
    };
    return this.#commits.add({ apply, urgent: true });
  }

  async size(queue: string): Promise<number> {
    return this.#queue(queue).size();
  }

  async valueCount(queue: string): Promise<number> {
    return this.#queue(queue).valueCount();
  }

  async range(queue: string, start: number, stop: number): Promise<readonly Position[]> {
    return this.#queue(queue).range(start, stop);
  }

  values(queue: string, ids: readonly string[]): Promise<readonly (string | undefined)[]> {
    return this.#queue(queue).values(ids);
  }

  async notes(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    return keys.map((key) => this.#notes.get(key));
  }

  async notesUnder(prefix: string): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (const { key, value } of this.#notes.getRange({ start: prefix })) {
      if (!key.startsWith(prefix)) break;
      found.set(key, value);
    }
    return found;
  }

  async counters(): Promise<ReadonlyMap<string, number>> {
    return new Map(this.#counters);
  }

  async close(): Promise<void> {
    await this.#commits.drain();
    await this.#root.close();
  }

  #queue(name: string): LmdbQueue {
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = new LmdbQueue(this.#root, name);
      this.#queues.set(name, queue);
    }
    return queue;
  }

  #writeNote(key: string, text: string | undefined): void {
    if (text === undefined) this.#notes.remove(key);
    else this.#notes.put(key, text);
  }

  #raise(name: string, by: number): void {
    const count = (this.#counters.get(name) ?? 0) + by;
    this.#counters.set(name, count);
    this.#countersTable.put(name, count);
  }
}
