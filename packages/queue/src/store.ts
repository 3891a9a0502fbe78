/**
 * The store: named queues, state and counters. Nothing else in Chouette is durable.
 *
 * Its promises, which one conformance suite tests for every engine:
 *
 * 1. `append` and `settle` are atomic. When they resolve, the change is as durable as the engine is configured to be.
 * 2. Reading removes nothing. Records come in order of score, then id, in pages that the engine bounds in number and bytes:
 *    a backlog of any number and size of records takes no more memory than a page.
 * 3. `settle` is one step across queues, state and counters. After a crash before it, the work that led to it is repeated;
 *    after a crash that follows it, it isn't.
 * 4. A record leaves its queue only by `settle`, and is counted in the same step.
 * 5. Outdated state can be recognised: a server that restarts may have older data, and {@link Store.epoch} changes then.
 *
 * It loses nothing by itself. Each engine's header says what a crash of the machine can cost.
 */

/**
 * Maximum size in bytes of a value that a store returns. Datadog accepts logs of 1 MB, which may be longer as JSON; a larger
 * value is useless, and only its size is returned.
 */
export const MAX_VALUE_BYTES = 2 * 1024 * 1024;

/**
 * Maximum bytes of the values in a page, unless its first record alone is larger. One page in processing and one being read,
 * each as bytes, as text and decoded, take about 20 MiB: safe with the 256 MB of memory that `deploy/` allows.
 */
export const MAX_PAGE_BYTES = MAX_VALUE_BYTES;

/**
 * A record's position in its queue: records are ordered by score, then by the bytes of the id. An id is unique within a
 * queue. Storing a record again at its own position changes nothing.
 */
export interface Position {
  /** The record's time in seconds since the epoch. */
  readonly score: number;
  readonly id: string;
  /**
   * The engine's own reference to a record that it has returned: passing it back saves a search. Not part of the position,
   * and meaningless to another store, or to this one after it was closed.
   */
  readonly place?: number | undefined;
}

export interface NewRecord extends Position {
  /** The record as JSON. */
  readonly value: string;
}

export interface StoredRecord extends Position {
  /** The record as JSON, or whatever a client stored; undefined if it stored only an id, or the value is too large. */
  readonly value: string | undefined;
  /** Bytes of a value over {@link MAX_VALUE_BYTES}, which is not fetched. */
  readonly oversizeBytes?: number;
}

/** A value whose id has no score: it has no place in the order. */
export interface Orphan {
  readonly id: string;
  /** Undefined if it is too large. */
  readonly value: string | undefined;
  /** Bytes of a value over {@link MAX_VALUE_BYTES}, which is not fetched. */
  readonly oversizeBytes?: number;
}

export interface ReadOptions {
  /** The page starts after this position; by default, at the start of the queue. */
  readonly after?: Position | undefined;
  /** Only records with a score below this, in seconds since the epoch. */
  readonly before?: number | undefined;
  /** Maximum number of records in the page; fewer if their values exceed {@link MAX_PAGE_BYTES}. */
  readonly limit: number;
}

/** Records to remove. */
export interface Removal {
  readonly queue: string;
  readonly records: readonly Position[];
  /**
   * The counter to raise by the number of records that were there. If two settlements remove the same record, only one
   * counts it.
   */
  readonly counter?: string;
}

/** One atomic change of the store. Removing a record that isn't there is not an error. */
export interface Settlement {
  /**
   * State that must have these texts, or must not exist if undefined, for the settlement to be applied. Check and change are
   * one step: the lease uses it as its fence.
   */
  readonly onlyWhile?: ReadonlyMap<string, string | undefined>;
  /** The epoch in which the settlement's records were read: it is refused in any other (StaleEpochError). */
  readonly onlyInEpoch?: number;
  readonly remove?: readonly Removal[];
  readonly removeOrphans?: readonly { readonly queue: string; readonly ids: readonly string[] }[];
  readonly add?: readonly { readonly queue: string; readonly records: readonly NewRecord[] }[];
  /** State to write by key; undefined deletes it. */
  readonly state?: ReadonlyMap<string, string | undefined>;
  /** Increments by counter. */
  readonly count?: ReadonlyMap<string, number>;
}

export interface Store {
  /**
   * Changes with each reconnect, after which the data may be older than before: state kept in memory must be read again.
   * Constant in an engine whose data belongs to this process alone.
   */
  readonly epoch: number;
  /** Stores all of these records or none. If it rejects because the connection broke, they may be stored nevertheless. */
  append(queue: string, records: readonly NewRecord[]): Promise<void>;
  /**
   * The next records in order, at most `limit`, and at most {@link MAX_PAGE_BYTES} of values unless the first record alone
   * has more. Only an empty page is the end of the queue, not a short one.
   */
  read(queue: string, options: ReadOptions): Promise<readonly StoredRecord[]>;
  /** Orphans in any order, in pages bounded like those of `read`. */
  orphans(queue: string, limit: number): Promise<readonly Orphan[]>;
  /** Rejects with a StaleSettlementError if a key of `onlyWhile` has another text, with a StaleEpochError in another epoch. */
  settle(settlement: Settlement): Promise<void>;
  /** Number of records in a queue, without orphans. */
  size(queue: string): Promise<number>;
  /** Small texts stored with the queues and changed only by `settle`; undefined for a key that doesn't exist. */
  state(keys: readonly string[]): Promise<readonly (string | undefined)[]>;
  /** All state whose key starts with the prefix. */
  stateWithPrefix(prefix: string): Promise<ReadonlyMap<string, string>>;
  counters(): Promise<ReadonlyMap<string, number>>;
  close(): Promise<void>;
}
