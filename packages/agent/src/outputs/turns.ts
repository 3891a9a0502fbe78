/**
 * Turns: requests to the same host follow one another, so that they share one connection.
 *
 * A new connection costs more bytes than waiting. But nobody waits longer than a limit: after that, two requests overlap.
 */
import type { Milliseconds } from "@chouette-iot/record";
import { withResolvers } from "../runtime/promises.js";

export class Turns {
  readonly #limit: Milliseconds;
  /** By name: resolves when its last turn has ended. */
  readonly #last = new Map<string, Promise<void>>();

  constructor(limit: Milliseconds) {
    this.#limit = limit;
  }

  /** Runs the work in turn. @param name of the host @param signal ends the waiting, not the work */
  async take<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#last.get(name);
    const { promise: ended, resolve: end } = withResolvers<void>();
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
