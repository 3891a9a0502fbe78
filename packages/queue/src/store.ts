/**
 * The store: the only durable thing in Chouette, holding named queues, notes and counters.
 *
 * Its promises, held by one conformance suite for every engine:
 *
 * 1. `append` and `settle` are atomic, and when they return, as durable as the engine is configured to be.
 * 2. Reading takes nothing away. Records come in order of score, then id, in pages of bounded size.
 * 3. `settle` is one step across queues, notes and counters. A crash before it repeats the work that led to
 *    it, a crash after it doesn't.
 * 4. A record leaves by `settle` and in no other way, so that whoever takes it out counts it in the same step.
 *
 * It loses nothing by itself. What a crash of the machine can cost is the engine's own business, and said there.
 */

/**
 * Where a record stands in its queue: records are ordered by score, then by the bytes of the id.
 * An id is unique within a queue. To store a record again under its own position changes nothing.
 */
export interface Position {
  /** The record's time in seconds since the epoch. */
  readonly score: number;
  readonly id: string;
}

export interface NewRecord extends Position {
  /** The record as JSON. */
  readonly value: string;
}

export interface StoredRecord extends Position {
  /** The record as JSON, or whatever a client stored; undefined where a client stored an id alone. */
  readonly value: string | undefined;
}

/** A value that a client stored without giving its id a score: it has no place in the order. */
export interface Stray {
  readonly id: string;
  readonly value: string;
}

export interface ReadOptions {
  /** The page begins with the first record after this position; without it, with the first of the queue. */
  readonly after?: Position;
  /** Only records whose score, in seconds, is less than this. */
  readonly before?: number;
  /** The most records in the page. */
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
   * Notes that must have these texts, or with undefined must not be there, for the settlement to come into
   * force. The check and the change are one step: this is what a lease's fence is made of.
   */
  readonly onlyWhile?: ReadonlyMap<string, string | undefined>;
  readonly remove?: readonly Removal[];
  readonly removeStrays?: readonly { readonly queue: string; readonly ids: readonly string[] }[];
  readonly add?: readonly { readonly queue: string; readonly records: readonly NewRecord[] }[];
  /** Notes to write, or with undefined to delete. */
  readonly notes?: ReadonlyMap<string, string | undefined>;
  /** Counters to raise, by how much. */
  readonly count?: ReadonlyMap<string, number>;
}

export interface Store {
  /** Stores all of these records or none. Rejects where the engine can't; then, after a broken connection, they may be stored all the same. */
  append(queue: string, records: readonly NewRecord[]): Promise<void>;
  /** The next records in order, at most `limit`; none where there were no more when it was read. */
  read(queue: string, options: ReadOptions): Promise<readonly StoredRecord[]>;
  /** Values without a place in the order, at most `limit` of them. */
  strays(queue: string, limit: number): Promise<readonly Stray[]>;
  /** Rejects with a StaleSettlementError where a note of `onlyWhile` has another text. */
  settle(settlement: Settlement): Promise<void>;
  /** How many records a queue holds, strays not counted. */
  size(queue: string): Promise<number>;
  /** Small texts that live beside the queues and change only by `settle`: undefined where there is none. */
  notes(keys: readonly string[]): Promise<readonly (string | undefined)[]>;
  /** Every note whose key begins with the prefix. */
  notesUnder(prefix: string): Promise<ReadonlyMap<string, string>>;
  counters(): Promise<ReadonlyMap<string, number>>;
  close(): Promise<void>;
}
