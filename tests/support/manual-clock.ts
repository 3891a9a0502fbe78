/** A clock that stands still until the test moves it. */
import { setImmediate } from "node:timers/promises";
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import type { Clock } from "../../packages/agent/src/runtime/clock.js";

interface Sleeper {
  readonly until: number;
  wake(): void;
}

export class ManualClock implements Clock {
  readonly #sleepers = new Set<Sleeper>();
  #now: number;
  #passed = 0;

  /** @param start milliseconds since the epoch */
  constructor(start: number) {
    this.#now = start;
  }

  now(): Milliseconds {
    return milliseconds(this.#now);
  }

  monotonic(): Milliseconds {
    return milliseconds(this.#passed);
  }

  sleep(duration: Milliseconds, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const sleeper = {
        until: this.#passed + duration,
        wake: () => {
          this.#sleepers.delete(sleeper);
          signal?.removeEventListener("abort", sleeper.wake);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", sleeper.wake);
    });
  }

  /**
   * Lets this many milliseconds pass: sleepers are woken at their time, one after the other, each with everything that
   * follows from it.
   */
  async advance(duration: number): Promise<void> {
    await this.quiet();
    const end = this.#passed + duration;
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#move(next.until - this.#passed);
      next.wake();
      await this.quiet();
    }
    this.#move(end - this.#passed);
    await this.quiet();
  }

  /** Sets the device's clock, like a time server; no time passes. */
  jump(by: number): void {
    this.#now += by;
  }

  /** Resolves when all pending work is done. */
  protected async quiet(): Promise<void> {
    await setImmediate();
  }

  #next(end: number): Sleeper | undefined {
    const due = [...this.#sleepers].filter(({ until }) => until <= end);
    return due.sort((a, b) => a.until - b.until)[0];
  }

  #move(by: number): void {
    this.#now += by;
    this.#passed += by;
  }
}
