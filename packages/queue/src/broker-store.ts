/**
 * The store of the embedded broker: beyond a {@link Store} it accepts what Redis clients send, which may be ids and values
 * separately, and answers Redis' own questions about a queue.
 */
import type { Position, Store } from "./store.js";

/** The write of one id by a ZADD, an HSET, or both in one MULTI. At least one of score and value is defined. */
export interface QueueWrite {
  readonly queue: string;
  readonly id: string;
  readonly score?: number | undefined;
  readonly value?: string | undefined;
}

export interface BrokerStore extends Store {
  /**
   * Stores these records and this state (undefined deletes a key) in one atomic step. An id and a value that come
   * separately are joined once both are there. Without writes, it resolves when all earlier writes are durable.
   */
  write(writes: readonly QueueWrite[], state?: ReadonlyMap<string, string | undefined>): Promise<void>;
  /**
   * Like `write`, but synchronous, if it needs to wait neither for other calls nor for the disk. Throws as `write` rejects.
   *
   * @returns whether the records were stored; if not, nothing has changed
   */
  writeNow(writes: readonly QueueWrite[], state: ReadonlyMap<string, string | undefined>): boolean;
  /** Bytes of its content on disk. Its files may take about 20 MB more. */
  bytes(): number;
  disk(): DiskReport;
  /** Number of values in a queue, orphans included (HLEN). */
  valueCount(queue: string): Promise<number>;
  /** Positions by rank, both ends inclusive; negative ranks count from the end (ZRANGE). */
  range(queue: string, start: number, stop: number): Promise<readonly Position[]>;
  /** Values by id (HMGET). May search the whole queue: meant for inspection. */
  values(queue: string, ids: readonly string[]): Promise<readonly (string | undefined)[]>;
}

/** The store's use of its disk. */
export interface DiskReport {
  /** Bytes of its records and state. */
  readonly contentBytes: number;
  /** Bytes of its files: removed records take space until their file is deleted. */
  readonly fileBytes: number;
  /** Number of journal files. */
  readonly segments: number;
  /** Number of run files, which hold the records that are no longer in memory. */
  readonly runs: number;
  /** Bytes written since it was opened. The disk itself writes more: whole pages, and for wear levelling. */
  readonly writtenBytes: number;
  /** Why records are refused, if the disk is full. */
  readonly full?: string | undefined;
}

/** Maximum length in bytes of an id in the embedded broker. */
export const MAX_ID_BYTES = 1024;
