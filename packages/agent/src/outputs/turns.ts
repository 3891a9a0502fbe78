/**
 * Turns: those who want the same thing get it one after another, so that requests to a host share one connection.
 *
 * A new connection costs more bytes than waiting, but nobody waits for longer than a limit: after that, two have it at once.
 */
import type { Milliseconds } from "@chouette-iot/record";

export class Turns {
  readonly #limit: Milliseconds;
  /** Resolves when the last turn of a name has ended. */
  readonly #last = new Map<string, Promise<void>>();

  constructor(limit: Milliseconds) {
    this.#limit = limit;
  }

  /** @param signal doesn't wait any longer once it is aborted */
  async take<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#last.get(name);
    const { promise: ended, resolve: end } = withResolvers();
    const all = before === undefined ? ended : Promise.all([before, ended]).then(() => {});
    this.#last.set(name, all);
    try {
      if (before !== undefined) await this.#within(before, signal);
      return await work();
    } finally {
      end();
      if (this.#last.get(name) === all) this.#last.delete(name);
    }
  }

  #within(turn: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", go);
        resolve();
      };
      const timer = setTimeout(go, this.#limit);
      signal?.addEventListener("abort", go);
      if (signal?.aborted) go();
      turn.then(go);
    });
  }
}

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
