/**
 * Flushes writes to the disk as CHOUETTE_FSYNC says, in the thread pool.
 *
 * Writes during a flush are covered by the next one, so concurrent writers share a flush (group commit).
 */

/** "always": before a write is confirmed, as in Redis' appendfsync. A number: within so many milliseconds. */
export type Fsync = "always" | number;

export const EVERY_SECOND: Fsync = 1_000;

interface Waiting {
  readonly writes: number;
  resolve(): void;
  reject(error: unknown): void;
}

export class Syncer {
  readonly #flush: () => Promise<void>;
  readonly #policy: Fsync;
  readonly #onError: (error: unknown) => void;
  #writes = 0;
  #durable = 0;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(policy: Fsync, flush: () => Promise<void>, onError: (error: unknown) => void) {
    this.#policy = policy;
    this.#flush = flush;
    this.#onError = onError;
  }

  /** Whether a flush is running, which a write to the same file may have to wait for. */
  get isBusy(): boolean {
    return this.#running !== undefined;
  }

  /** To be called after each write. */
  wrote(): void {
    this.#writes += 1;
    if (this.#policy === "always") return;
    this.#startAfter(this.#policy);
  }

  #startAfter(ms: number): void {
    this.#timer ??= setTimeout(() => {
      // Even during a flush: its end schedules another.
      this.#timer = undefined;
      this.#start();
    }, ms);
  }

  /** Whether changes are confirmed only once they are on disk. */
  get confirmsLater(): boolean {
    return this.#policy === "always";
  }

  /** Resolves when everything written so far is on disk; rejects if the flush fails. */
  durable(): Promise<void> {
    if (this.#durable === this.#writes) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ writes: this.#writes, resolve, reject });
      this.#start();
    });
  }

  /** Waits for the running flush, and starts no other. */
  async stop(): Promise<void> {
    await this.#running;
    // Its end may have scheduled another.
    clearTimeout(this.#timer);
  }

  #start(): void {
    if (this.#running !== undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#waiting.length > 0) this.#start();
      else if (this.#durable < this.#writes && this.#policy !== "always") {
        this.#startAfter(this.#policy);
      }
    });
  }

  async #run(): Promise<void> {
    const writes = this.#writes;
    try {
      await this.#flush();
      this.#durable = writes;
    } catch (error) {
      this.#onError(error);
      for (const { reject } of this.#waiting.splice(0)) reject(error);
      return;
    }
    const waiting = this.#waiting;
    this.#waiting = waiting.filter((one) => one.writes > writes);
    for (const one of waiting) if (one.writes <= writes) one.resolve();
  }
}
