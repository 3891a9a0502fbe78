/**
 * The store: the only durable thing in Chouette, holding named queues, state and counters.
 *
 * Its promises, held by one conformance suite for every engine:
 *
 * 1. `append` and `settle` are atomic, and when they return, as durable as the engine is configured to be.
 * 2. Reading takes nothing away. Records come in order of score, then id, in pages that are bounded by number and by
 *    bytes, in the engine itself: a backlog of any number and size of records costs no more memory than a page.
 * 3. `settle` is one step across queues, state and counters. A crash before it repeats the work that led to
 *    it, a crash after it doesn't.
 * 4. A record leaves by `settle` and in no other way, so that anyone who takes it out counts it in the same step.
 *
 * 5. State that was read can be recognised as outdated: a server that restarts may come back with older data, and
 *    the {@link Store.epoch} is another one then.
 *
 * It loses nothing by itself. What a crash of the machine can cost is the engine's own business, and said there.
 */

/**
 * The largest value, in bytes, that a store hands out. Datadog takes logs of 1 MB, which JSON may make longer; a
 * larger value is of no use to anybody, and is reported with its size alone.
 */
export const MAX_VALUE_BYTES = 2 * 1024 * 1024;

/**
 * Values of one page, in bytes, unless its first record alone is larger. With a page being worked on and the next one
 * under way, each as bytes, as text and decoded, some 20 MiB: safe with the heap of 256 MB that `deploy/` sets.
 */
export const MAX_PAGE_BYTES = MAX_VALUE_BYTES;

/**
 * Where a record stands in its queue: records are ordered by score, then by the bytes of the id.
 * An id is unique within a queue. To store a record again under its own position changes nothing.
 */
export interface Position {
  /** The record's time in seconds since the epoch. */
  readonly score: number;
  readonly id: string;
  /**
   * Where the engine has the record, of one that was read from it: given back, it spares a search. No part of the
   * position, and of no meaning to another store, or to the same once it was closed.
   */
  readonly place?: number | undefined;
}

export interface NewRecord extends Position {
  /** The record as JSON. */
  readonly value: string;
}

export interface StoredRecord extends Position {
  /** The record as JSON, or whatever a client stored; undefined if a client stored an id alone, or too large a value. */
  readonly value: string | undefined;
  /** Bytes of a value over {@link MAX_VALUE_BYTES}, which is not fetched. */
  readonly oversizeBytes?: number;
}

/** A value that a client stored without giving its id a score: it has no place in the order. */
export interface Orphan {
  readonly id: string;
  /** Undefined if it is too large to be fetched. */
  readonly value: string | undefined;
  /** Bytes of a value over {@link MAX_VALUE_BYTES}, which is not fetched. */
  readonly oversizeBytes?: number;
}

export interface ReadOptions {
  /** The page begins with the first record after this position; without it, with the first of the queue. */
  readonly after?: Position | undefined;
  /** Only records whose score, in seconds, is less than this. */
  readonly before?: number | undefined;
  /** At most so many records in the page, and fewer if their values exceed {@link MAX_PAGE_BYTES}. */
  readonly limit: number;
}

/** Records to remove. */
export interface Removal {
  readonly queue: string;
  readonly records: readonly Position[];
  /**
   * The counter to raise by how many of them were there. For records that somebody else may take out meanwhile: of
   * two that settle the same record, one counts it.
   */
  readonly counter?: string;
}

/** One atomic change of the store. Removing what isn't there is no error. */
export interface Settlement {
  /**
   * State that must have these texts, or with undefined must not be there, for the settlement to be
   * applied. The check and the change are one step: this is what a lease's fence is made of.
   */
  readonly onlyWhile?: ReadonlyMap<string, string | undefined>;
  /** The epoch that the settlement's origins were read in: in another one it is refused (StaleEpochError). */
  readonly onlyInEpoch?: number;
  readonly remove?: readonly Removal[];
  readonly removeOrphans?: readonly { readonly queue: string; readonly ids: readonly string[] }[];
  readonly add?: readonly { readonly queue: string; readonly records: readonly NewRecord[] }[];
  /** State to write by key, or with undefined to delete. */
  readonly state?: ReadonlyMap<string, string | undefined>;
  /** Counters to raise, by how much. */
  readonly count?: ReadonlyMap<string, number>;
}

export interface Store {
  /**
   * Another number after each reconnect, when the data may be older than what was read before. State that is kept in
   * memory must be read again then. Constant in an engine whose data is this process's alone.
   */
  readonly epoch: number;
  /** Stores all of these records or none. Rejects if the engine can't; then, after a broken connection, they may be stored all the same. */
  append(queue: string, records: readonly NewRecord[]): Promise<void>;
  /**
   * The next records in order, at most `limit`, and at most {@link MAX_PAGE_BYTES} of values unless the first one
   * alone has more. A short page isn't the end of the queue: an empty one is.
   */
  read(queue: string, options: ReadOptions): Promise<readonly StoredRecord[]>;
  /** Values without a place in the order, in any order, in pages that are bounded as those of `read` are. */
  orphans(queue: string, limit: number): Promise<readonly Orphan[]>;
  /** Rejects with a StaleSettlementError if a key of `onlyWhile` has another text, with a StaleEpochError in another epoch. */
  settle(settlement: Settlement): Promise<void>;
  /** How many records a queue holds, orphans not counted. */
  size(queue: string): Promise<number>;
  /** Small texts that live beside the queues and change only by `settle`: undefined if there is none. */
  state(keys: readonly string[]): Promise<readonly (string | undefined)[]>;
  /** All state whose key begins with the prefix. */
  stateWithPrefix(prefix: string): Promise<ReadonlyMap<string, string>>;
  counters(): Promise<ReadonlyMap<string, number>>;
  close(): Promise<void>;
}
