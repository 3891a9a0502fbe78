/** Runs tasks one after another, in the order of their calls. */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs the work after all earlier ones. Resolves or rejects as the work does. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work, work);
    this.#last = done.catch(() => {});
    return done;
  }
}
