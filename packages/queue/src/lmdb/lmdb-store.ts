/**
 * The LMDB engine: queues in one file on the device's disk, for the embedded broker.
 *
 * Promises what every store promises. Durable to the last group commit: what a call's promise has confirmed
 * survives a power cut. A flush to the disk holds the event loop for as long as the disk takes, once in a
 * commit interval or for a settlement. The file belongs to one process at a time.
 */
import { mkdirSync } from "node:fs";
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import { type BrokerStore, LONGEST_ID, type QueueWrite } from "../broker-store.js";
import { checkEpoch, checkNotes } from "../stale.js";
import type { NewRecord, Position, ReadOptions, Settlement, StoredRecord, Stray } from "../store.js";
import { isDamage } from "./damage.js";
import type { FolderLock } from "./folder-lock.js";
import { GroupCommit } from "./group-commit.js";
import { LmdbTables } from "./lmdb-tables.js";

export interface LmdbStoreOptions {
  /** The folder of the store's file; made where it isn't there. */
  readonly directory: string;
  /** The longest that a record waits for others before all are written to disk; 50 ms unless given. */
  readonly commitInterval?: Milliseconds;
  /** Of the folder; released when the store is closed. */
  readonly lock?: FolderLock;
  /**
   * Called where LMDB meets pages that make no sense, which it may do again for every call. The file can't be
   * mended while it is open: who opens it anew by `openLmdbStore` has what can be read of it.
   */
  onDamage?(error: Error): void;
}

const DEFAULT_COMMIT_INTERVAL = milliseconds(50);
/** The file is opened anew when about this many bytes of it were read or written; that takes a millisecond or two. */
const MOST_MAPPED = 8 * 1024 * 1024;
/** What LMDB adds to an entry, in bytes, its place in the tree included. */
const ENTRY_OVERHEAD = 40;
/** Of a note or counter: LMDB's own limit. */
const MAX_KEY_BYTES = 1_978;
const LOOKING_PAGE = 10_000;

export class LmdbStore implements BrokerStore {
  readonly epoch = 0;
  readonly #commits: GroupCommit;
  readonly #lock: FolderLock | undefined;
  readonly #onDamage: (error: Error) => void;
  #tables: LmdbTables;
  /** Bytes of the file that went through memory since it was opened, roughly. */
  #mapped = 0;

  /** For a file that is whole and a folder that no other process uses: {@link openLmdbStore} sees to both. */
  constructor({
    directory,
    commitInterval = DEFAULT_COMMIT_INTERVAL,
    lock,
    onDamage = () => {},
  }: LmdbStoreOptions) {
    this.#lock = lock;
    this.#onDamage = onDamage;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#tables = new LmdbTables(directory);
    this.#commits = new GroupCommit((apply) => {
      this.#letGo();
      this.#watched(() => this.#tables.transact(apply));
    }, commitInterval);
  }

  async append(queue: string, records: readonly NewRecord[]): Promise<void> {
    const bytes = this.#prepare(queue, records);
    await this.#commits.add(() => this.#tables.queue(queue).write(records), bytes);
  }

  async write(
    writes: readonly QueueWrite[],
    notes: ReadonlyMap<string, string | undefined> = new Map(),
  ): Promise<void> {
    for (const key of notes.keys()) checkKey(key);
    const queues = new Map<string, QueueWrite[]>();
    for (const write of writes) {
      const ofQueue = queues.get(write.queue);
      if (ofQueue === undefined) queues.set(write.queue, [write]);
      else ofQueue.push(write);
    }
    let bytes = 0;
    for (const [queue, ofQueue] of queues) bytes += this.#prepare(queue, ofQueue);
    await this.#commits.add(() => {
      for (const [queue, ofQueue] of queues) this.#tables.queue(queue).write(ofQueue);
      this.#writeNotes(notes);
    }, bytes);
  }

  async read(queue: string, options: ReadOptions): Promise<readonly StoredRecord[]> {
    this.#letGo();
    const page = this.#watched(() => this.#tables.queue(queue).read(options));
    this.#touch(page);
    return page;
  }

  async strays(queue: string, limit: number): Promise<readonly Stray[]> {
    return this.#watched(() => this.#tables.queue(queue).strays(limit));
  }

  async settle(settlement: Settlement): Promise<void> {
    const { remove = [], removeStrays = [], add = [], notes = new Map(), count = new Map() } = settlement;
    checkEpoch(settlement.onlyInEpoch, this.epoch);
    const onlyWhile = settlement.onlyWhile ?? new Map<string, string | undefined>();
    for (const key of [...notes.keys(), ...onlyWhile.keys(), ...count.keys()]) checkKey(key);
    for (const { queue, records } of add) this.#prepare(queue, records);
    for (const { queue } of [...remove, ...removeStrays]) this.#tables.queue(queue);
    const check = () => checkNotes(onlyWhile, (note) => this.#tables.notes.get(note));
    const apply = () => {
      const tables = this.#tables;
      for (const { queue, records, counter } of remove) {
        const removed = tables.queue(queue).remove(records);
        if (counter !== undefined && removed > 0) this.#count(counter, removed);
      }
      for (const { queue, ids } of removeStrays) tables.queue(queue).removeStrays(ids);
      for (const { queue, records } of add) tables.queue(queue).write(records);
      this.#writeNotes(notes);
      for (const [name, by] of count) this.#count(name, by);
    };
    await this.#commits.addUrgent(apply, check);
  }

  async size(queue: string): Promise<number> {
    return this.#watched(() => this.#tables.queue(queue).size());
  }

  bytes(): number {
    return this.#tables.bytes();
  }

  async valueCount(queue: string): Promise<number> {
    return this.#tables.queue(queue).valueCount();
  }

  async range(queue: string, start: number, stop: number): Promise<readonly Position[]> {
    return this.#tables.queue(queue).range(start, stop);
  }

  /** In pages, between which others get their turn. */
  async values(queue: string, ids: readonly string[]): Promise<readonly (string | undefined)[]> {
    const found = new Map(ids.map((id) => [id, this.#tables.queue(queue).stray(id)]));
    let page: readonly StoredRecord[] = [];
    do {
      const after = page.at(-1);
      page = await this.read(queue, { limit: LOOKING_PAGE, ...(after === undefined ? {} : { after }) });
      for (const { id, value } of page) {
        if (found.has(id)) found.set(id, value);
      }
      await new Promise(setImmediate);
    } while (page.length > 0);
    return ids.map((id) => found.get(id));
  }

  async notes(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    return this.#watched(() => keys.map((key) => this.#tables.notes.get(key)));
  }

  async notesUnder(prefix: string): Promise<ReadonlyMap<string, string>> {
    return this.#watched(() => {
      const found = new Map<string, string>();
      for (const { key, value } of this.#tables.notes.getRange({ start: prefix })) {
        if (!key.startsWith(prefix)) break;
        found.set(key, value);
      }
      return found;
    });
  }

  async counters(): Promise<ReadonlyMap<string, number>> {
    return this.#watched(
      () => new Map([...this.#tables.counters.getRange()].map(({ key, value }) => [key, value])),
    );
  }

  async close(): Promise<void> {
    this.#commits.commit();
    await this.#tables.close();
    await this.#lock?.release();
  }

  #watched<T>(look: () => T): T {
    try {
      return look();
    } catch (error) {
      if (isDamage(error)) this.#onDamage(error);
      throw error;
    }
  }

  /**
   * Makes the queue and refuses ids that don't fit, before the commit: there, one bad change rejects all.
   *
   * @returns bytes that the records take, roughly
   */
  #prepare(queue: string, records: readonly { readonly id: string; readonly value?: string }[]): number {
    this.#tables.queue(queue);
    for (const { id } of records) checkId(id);
    return this.#touch(records);
  }

  #writeNotes(notes: ReadonlyMap<string, string | undefined>): void {
    for (const [key, text] of notes) {
      if (text === undefined) this.#tables.notes.remove(key);
      else this.#tables.notes.put(key, text);
    }
  }

  #count(counter: string, by: number): void {
    this.#tables.counters.put(counter, (this.#tables.counters.get(counter) ?? 0) + by);
  }

  /** @returns bytes that the records take, roughly */
  #touch(records: readonly { readonly id: string; readonly value?: string | undefined }[]): number {
    let bytes = 0;
    for (const { id, value = "" } of records) bytes += id.length + value.length + ENTRY_OVERHEAD;
    this.#mapped += bytes;
    return bytes;
  }

  #letGo(): void {
    if (this.#mapped < MOST_MAPPED) return;
    this.#tables = this.#tables.reopened();
    this.#mapped = 0;
  }
}

/** LMDB's library returns a longer id that holds one of these cut, so that it can't be removed any more. */
const LONGEST_WITH_CONTROL = 48;
const LARGEST_CUT = "\u0004";

function checkId(id: string): void {
  if (id.length > LONGEST_WITH_CONTROL && [...id].some((character) => character <= LARGEST_CUT))
    throw new RangeError(`an id over ${LONGEST_WITH_CONTROL} characters should not hold a byte from 0 to 4`);
  // A character has at most three bytes for each of its units: most ids need no counting.
  if (id !== "" && (id.length * 3 <= LONGEST_ID || Buffer.byteLength(id) <= LONGEST_ID)) return;
  throw new RangeError(`an id should have 1 to ${LONGEST_ID} bytes, but one has ${Buffer.byteLength(id)}`);
}

/** Before the commit, as for ids: there, one bad key rejects all. */
function checkKey(key: string): void {
  if (key.length * 3 <= MAX_KEY_BYTES || Buffer.byteLength(key) <= MAX_KEY_BYTES) return;
  throw new RangeError(
    `a key should have at most ${MAX_KEY_BYTES} bytes, but one has ${Buffer.byteLength(key)}`,
  );
}
