/**
 * A queue of calls that are executed one after the other.
 *
 * Calls that arrive in one turn of the event loop are executed together, so that they can share a write.
 */

export class WorkQueue<T> {
  readonly #execute: (work: readonly T[]) => Promise<void> | undefined;
  #waiting: T[] = [];
  #isBusy = false;
  #whenIdle: (() => void)[] = [];

  /** @param execute returns undefined if it is done already; never throws or rejects */
  constructor(execute: (work: readonly T[]) => Promise<void> | undefined) {
    this.#execute = execute;
  }

  add(work: T): void {
    this.#waiting.push(work);
    if (this.#isBusy) return;
    this.#isBusy = true;
    setImmediate(this.#executeNext);
  }

  /** Whether no call is in progress or waiting. */
  get isIdle(): boolean {
    return !this.#isBusy;
  }

  /** Resolves when all calls are done. */
  async idle(): Promise<void> {
    while (this.#isBusy) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
  }

  readonly #executeNext = (): void => {
    const work = this.#waiting;
    this.#waiting = [];
    const executing = this.#execute(work);
    if (executing === undefined) this.#afterwards();
    else void executing.then(this.#afterwards);
  };

  readonly #afterwards = (): void => {
    if (this.#waiting.length > 0) {
      setImmediate(this.#executeNext);
      return;
    }
    this.#isBusy = false;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  };
}
