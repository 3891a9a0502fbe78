/**
 * When what was written goes to the disk: as CHOUETTE_FSYNC says, in the thread pool.
 *
 * What is written while the disk is at work goes with the next flush, so that writers that come together share one.
 */
import type { Fsync } from "./fsync.js";

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

  /** Whether the disk is at work: a write to the same file may have to wait for it. */
  get isBusy(): boolean {
    return this.#running !== undefined;
  }

  /** Something was written. */
  wrote(): void {
    this.#writes += 1;
    if (this.#policy === "always") return;
    this.#startAfter(this.#policy);
  }

  #startAfter(ms: number): void {
    this.#timer ??= setTimeout(() => {
      // Also if a flush is under way: at its end another is asked for.
      this.#timer = undefined;
      this.#start();
    }, ms);
  }

  /** Whether a change is confirmed when it is on disk, and not before. */
  get confirmsLater(): boolean {
    return this.#policy === "always";
  }

  /** Resolves when all that was written so far is on disk. */
  durable(): Promise<void> {
    if (this.#durable === this.#writes) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ writes: this.#writes, resolve, reject });
      this.#start();
    });
  }

  /** Waits for a flush that is under way, and begins no other. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#running;
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
