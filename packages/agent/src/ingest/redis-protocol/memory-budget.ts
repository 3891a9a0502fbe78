/**
 * One budget for the memory of many connections: requests that aren't whole, open transactions, answers that nobody
 * reads, and what is on its way to the disk.
 *
 * Promises: what they hold together stays under the limit, but for a chunk of one. When it would not, the largest
 * holder is closed, one that has sent nothing lately before one that goes on: a client that stores a large batch is not
 * closed for the sake of those that never end theirs. What is being stored can't be taken back; while it takes half of
 * the limit, nothing more is read.
 */
import { type Milliseconds, milliseconds } from "@chouette-iot/record";

export interface MemoryHolder {
  /** When it last got on: the client sent something, or was answered. On the clock's even run. */
  readonly lastProgress: Milliseconds;
  /** Closes it. What it holds is freed, and must be reported as 0 before this returns. */
  closeForMemory(): void;
}

/** After this long without progress a holder counts as stalled. */
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

  /** All that is held, in bytes. */
  get bytes(): number {
    return this.#heldBytes + this.#storingBytes;
  }

  /** Reports what a holder holds now, in bytes. It or others may be closed before this returns. */
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

  /** Counts bytes that are on their way to the disk, until the call that is returned. */
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

  /** Whether so much is on its way to the disk that nothing more should be read. */
  get isCongested(): boolean {
    return this.#storingBytes > this.#limit / 2;
  }

  /** Calls once, when it is no longer congested. */
  whenRelieved(wake: () => void): void {
    this.#waiting.add(wake);
  }

  #largest(): MemoryHolder | undefined {
    const stalled = this.#now() - STALLED_AFTER;
    let found: MemoryHolder | undefined;
    let foundBytes = 0;
    for (const [holder, bytes] of this.#held) {
      // A stalled one weighs more than any that isn't.
      const weight = holder.lastProgress <= stalled ? this.#limit + bytes : bytes;
      if (found !== undefined && weight <= foundBytes) continue;
      found = holder;
      foundBytes = weight;
    }
    return found;
  }
}
