/**
 * A memory budget that many connections share: for incomplete requests, open transactions, unread replies, and records that
 * are being stored.
 *
 * Promises: all connections together stay under the limit, except for a chunk of one of them. If they would exceed it, the
 * largest one is closed, stalled ones first: a client that stores a large batch isn't closed because of clients that never
 * complete theirs. Records that are being stored can't be dropped; while they take over half of the limit, reading pauses.
 */
import { type Milliseconds, milliseconds } from "@chouette-iot/record";

export interface MemoryHolder {
  /** When the client last sent something or was answered, on the monotonic clock. */
  readonly lastProgress: Milliseconds;
  /** Closes it and frees its memory; it must report 0 before this returns. */
  closeForMemory(): void;
}

/** Without progress for this long, a holder counts as stalled. */
const STALLED_AFTER = milliseconds(1_000);

export class MemoryBudget {
  readonly #limit: number;
  readonly #now: () => Milliseconds;
  readonly #held = new Map<MemoryHolder, number>();
  readonly #waiting = new Set<() => void>();
  #heldBytes = 0;
  #storingBytes = 0;

  /** @param limit in bytes */
  constructor(limit: number, now: () => Milliseconds) {
    this.#limit = limit;
    this.#now = now;
  }

  /** The memory of all holders, in bytes. */
  get bytes(): number {
    return this.#heldBytes + this.#storingBytes;
  }

  /** Reports the current memory of a holder, in bytes. It or others may be closed before this returns. */
  report(holder: MemoryHolder, bytes: number): void {
    const before = this.#held.get(holder) ?? 0;
    if (bytes === before) return;
    if (bytes === 0) this.#held.delete(holder);
    else this.#held.set(holder, bytes);
    this.#heldBytes += bytes - before;
    while (this.bytes > this.#limit) {
      const victim = this.#largest();
      if (victim === undefined) return;
      victim.closeForMemory();
    }
  }

  /** Counts bytes that are being stored, until the returned function is called. */
  storing(bytes: number): () => void {
    this.#storingBytes += bytes;
    return () => {
      this.#storingBytes -= bytes;
      if (this.isCongested) return;
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      for (const wake of waiting) wake();
    };
  }

  /** Whether so much is being stored that reading should pause. */
  get isCongested(): boolean {
    return this.#storingBytes > this.#limit / 2;
  }

  /** Calls `wake` once, when it is no longer congested. */
  whenRelieved(wake: () => void): void {
    this.#waiting.add(wake);
  }

  #largest(): MemoryHolder | undefined {
    const stalled = this.#now() - STALLED_AFTER;
    let found: MemoryHolder | undefined;
    let foundBytes = 0;
    for (const [holder, bytes] of this.#held) {
      // A stalled holder outweighs any other.
      const weight = holder.lastProgress <= stalled ? this.#limit + bytes : bytes;
      if (found !== undefined && weight <= foundBytes) continue;
      found = holder;
      foundBytes = weight;
    }
    return found;
  }
}
