/**
 * One opening of the store's file, and its tables.
 *
 * LMDB reads through a map of the whole file, and every page once read stays in the process's resident memory,
 * up to the size of the file. It has no way to let go of them but to open the file anew ({@link reopened}).
 */
import { join } from "node:path";
import { type Database, open, type RootDatabase } from "lmdb";
import { COUNTERS_TABLE, FILE_NAME, MOST_TABLES, NOTES_TABLE, valueEncoding } from "./file-format.js";
import { bytesOf, LmdbQueue } from "./lmdb-queue.js";

export class LmdbTables {
  readonly notes: Database<string, string>;
  readonly counters: Database<number, string>;
  readonly #directory: string;
  readonly #root: RootDatabase;
  readonly #queues = new Map<string, LmdbQueue>();

  constructor(directory: string) {
    this.#directory = directory;
    this.#root = open({ path: join(directory, FILE_NAME), maxDbs: MOST_TABLES });
    this.notes = this.#root.openDB({ name: NOTES_TABLE, encoding: valueEncoding(NOTES_TABLE) });
    this.counters = this.#root.openDB({ name: COUNTERS_TABLE, encoding: valueEncoding(COUNTERS_TABLE) });
  }

  /** The queue of this name; it is made where it isn't there. */
  queue(name: string): LmdbQueue {
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = new LmdbQueue(this.#root, name);
      this.#queues.set(name, queue);
    }
    return queue;
  }

  /** Bytes of the pages that the tables take. */
  bytes(): number {
    const own = bytesOf(this.notes) + bytesOf(this.counters);
    return [...this.#queues.values()].reduce((sum, queue) => sum + queue.bytes(), own);
  }

  /**
   * Runs this as one transaction, on this thread, and returns when it is durable; throws with nothing changed.
   *
   * Not by LMDB's own thread (`batch`): where the disk is full, that leaves promises rejected that nobody can
   * handle, and what was put before an error in the callback is stored all the same.
   */
  transact(apply: () => void): void {
    this.#root.transactionSync(apply);
  }

  /** The same tables with nothing of the file in memory; these are closed. */
  reopened(): LmdbTables {
    // Nothing is under way between two calls, so that the file is closed when `close` returns.
    void this.close();
    const tables = new LmdbTables(this.#directory);
    for (const name of this.#queues.keys()) tables.queue(name);
    return tables;
  }

  close(): Promise<void> {
    return this.#root.close();
  }
}
