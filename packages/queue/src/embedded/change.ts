/**
 * A change of the store: the content of one frame of the journal.
 *
 * It has the effect on the store, not the request: a removal names the records that it found. So the journal can be replayed
 * from any segment, and a damaged frame costs only its own effect. The parts of a change apply in the order of its fields.
 */
import type { Entry } from "./memory-table.js";

export interface Change {
  /** Number of sequence numbers before this frame's that belonged to failed writes. */
  readonly unused?: number;
  /** All frames up to this sequence number were on disk. */
  readonly flushedThrough?: number;
  /** Sizes of queues before this change. */
  readonly sizes?: ReadonlyMap<string, number>;
  readonly runs?: readonly RunChange[];
  readonly removals?: readonly QueueRemoval[];
  readonly orphanRemovals?: readonly { readonly queue: string; readonly ids: readonly string[] }[];
  readonly writes?: readonly QueueWrites[];
  /** Texts by key; undefined deletes one. */
  readonly state?: ReadonlyMap<string, string | undefined> | undefined;
  /** New values of counters. */
  readonly counters?: ReadonlyMap<string, number>;
  /** Increments of counters. */
  readonly increments?: ReadonlyMap<string, number>;
  readonly mark?: Mark | undefined;
}

/** The removal of records from a queue. */
export interface QueueRemoval {
  readonly queue: string;
  /** Numbers of the records in memory. */
  readonly numbers: readonly number[];
  /** The same records, where the caller has them: they aren't written to the journal. */
  readonly entries?: readonly Entry[];
  /** Ordinals of the records in runs, by run. */
  readonly ordinals: ReadonlyMap<number, readonly number[]>;
}

export interface QueueWrites {
  readonly queue: string;
  /** The number of the first record; the others' numbers follow. */
  readonly first: number;
  readonly records: readonly Written[];
}

/** An id with its score, its value, or both. */
export interface Written {
  readonly id: string;
  readonly score?: number | undefined;
  readonly value?: string | undefined;
}

/** A run that replaces records in memory, or other runs. */
export interface RunChange {
  readonly queue: string;
  readonly run: number;
  /** Records of the queue with a smaller number are in the run, or were removed. */
  readonly below: number;
  readonly replaces: readonly number[];
  /** Ordinals of the run's removed records. */
  readonly removed: readonly number[];
  /** Number of records in the run, including removed ones. */
  readonly count: number;
}

/** The first mark of a segment. */
export interface Opened {
  readonly kind: "opened";
  /** Version of the journal's format. */
  readonly version: number;
  /** The machine's boot; empty if unknown. */
  readonly boot: string;
  /** Whether confirmed writes are on disk (fsync "always"). */
  readonly isDurable: boolean;
  /** The number of the next record. */
  readonly nextNumber: number;
}

/** "closed": the store was closed, and nothing follows. */
export type Mark = Opened | { readonly kind: "closed" };

/** Raise it whenever the journal's format changes: a segment of another version isn't read. */
export const JOURNAL_VERSION = 1;

/** Bytes of a record in a frame, besides its texts. */
const RECORD_OVERHEAD = 16;

/** Estimated bytes of the records and state that a change writes. */
export function addedBytes({ writes = [], state }: Change): number {
  let bytes = 0;
  for (const { records } of writes) {
    for (const { id, value = "" } of records) bytes += id.length + value.length + RECORD_OVERHEAD;
  }
  for (const [key, text = ""] of state ?? []) bytes += key.length + text.length;
  return bytes;
}
