/**
 * What the embedded broker asks of its store beyond a {@link Store}: to take what Redis clients send, which may
 * be ids and values apart, and to show what is there in Redis' terms.
 */
import type { Position, Store } from "./store.js";

/** What a ZADD, an HSET, or both in one MULTI say of one id. At least one of score and value is there. */
export interface QueueWrite {
  readonly queue: string;
  readonly id: string;
  readonly score?: number;
  readonly value?: string;
}

export interface BrokerStore extends Store {
  /**
   * Carries out these writes, and writes this state or with undefined deletes it, in one atomic step. An id and a value that come apart
   * are joined when both are there. Without writes it resolves when all that was written before is durable.
   */
  write(writes: readonly QueueWrite[], state?: ReadonlyMap<string, string | undefined>): Promise<void>;
  /**
   * The same at once, if nothing has to be waited for: not for other calls, nor for the disk. Throws as `write` rejects.
   *
   * @returns whether it was done; if not, nothing has changed
   */
  writeNow(writes: readonly QueueWrite[], state: ReadonlyMap<string, string | undefined>): boolean;
  /** Bytes that its content takes on disk. Its files may take some 20 MB more. */
  bytes(): number;
  disk(): DiskReport;
  /** How many values a queue holds, orphans counted (HLEN). */
  valueCount(queue: string): Promise<number>;
  /** Positions by rank, both ends included; negative ranks count from the end (ZRANGE). */
  range(queue: string, start: number, stop: number): Promise<readonly Position[]>;
  /** Values by id (HMGET). Reads the queue through: for looking, not for work. */
  values(queue: string, ids: readonly string[]): Promise<readonly (string | undefined)[]>;
}

/** What the store takes and writes on its disk. */
export interface DiskReport {
  /** Of its records and state. */
  readonly contentBytes: number;
  /** Of its files: what has left takes room until its file is deleted. */
  readonly fileBytes: number;
  /** Files of the journal. */
  readonly segments: number;
  /** Files of records that have left memory. */
  readonly runs: number;
  /** Written since it was opened. The disk writes whole pages, and more of them for its own sake. */
  readonly writtenBytes: number;
  /** Why records are refused, if the disk is full. */
  readonly full?: string;
}

/** The longest id, in bytes, that an embedded broker stores. */
export const MAX_ID_BYTES = 1024;
