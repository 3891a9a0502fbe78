/**
 * The calls that change the store, one after the other.
 *
 * Calls that arrive in one turn of the event loop are handed over together, so that they can share a write.
 */

export class WorkQueue<T> {
  readonly #carryOut: (work: readonly T[]) => Promise<void>;
  #waiting: T[] = [];
  #running: Promise<void> | undefined;

  /** @param carryOut never rejects */
  constructor(carryOut: (work: readonly T[]) => Promise<void>) {
    this.#carryOut = carryOut;
  }

  add(work: T): void {
    this.#waiting.push(work);
    this.#running ??= this.#run();
  }

  /** Resolves when nothing is left to do. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      await new Promise(setImmediate);
      const work = this.#waiting;
      this.#waiting = [];
      await this.#carryOut(work);
    }
    this.#running = undefined;
  }
}
