/**
 * The calls that change the store, one after the other.
 *
 * Calls that arrive in one turn of the event loop are handed over together, so that they can share a write.
 */

export class WorkQueue<T> {
  readonly #carryOut: (work: readonly T[]) => Promise<void> | undefined;
  #waiting: T[] = [];
  #isBusy = false;
  #whenIdle: (() => void)[] = [];

  /** @param carryOut returns undefined if it is done already; never throws or rejects */
  constructor(carryOut: (work: readonly T[]) => Promise<void> | undefined) {
    this.#carryOut = carryOut;
  }

  add(work: T): void {
    this.#waiting.push(work);
    if (this.#isBusy) return;
    this.#isBusy = true;
    setImmediate(this.#carryOutNext);
  }

  /** Whether nothing is under way, and nothing waits. */
  get isIdle(): boolean {
    return !this.#isBusy;
  }

  /** Resolves when nothing is left to do. */
  async idle(): Promise<void> {
    while (this.#isBusy) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
  }

  readonly #carryOutNext = (): void => {
    const work = this.#waiting;
    this.#waiting = [];
    const doing = this.#carryOut(work);
    if (doing === undefined) this.#afterwards();
    else void doing.then(this.#afterwards);
  };

  readonly #afterwards = (): void => {
    if (this.#waiting.length > 0) {
      setImmediate(this.#carryOutNext);
      return;
    }
    this.#isBusy = false;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  };
}
