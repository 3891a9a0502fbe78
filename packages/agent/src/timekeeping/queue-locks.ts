/**
 * A lock per queue, so that no records are removed while a clock shift moves them.
 *
 * Removing is shared, moving is exclusive. Nobody waits for a lock: if it is taken, the step is skipped, and the caller
 * tries again later.
 */
export class QueueLocks {
  /** Number of current users, by queue. */
  readonly #users = new Map<string, number>();
  readonly #moving = new Set<string>();

  /** Runs the step, unless records of these queues are being moved: then undefined. */
  async using<T>(queues: readonly string[], step: () => Promise<T>): Promise<T | undefined> {
    if (queues.some((queue) => this.#moving.has(queue))) return undefined;
    for (const queue of queues) this.#count(queue, 1);
    try {
      return await step();
    } finally {
      for (const queue of queues) this.#count(queue, -1);
    }
  }

  /** Runs the step, unless the queue is in use or its records are being moved: then undefined. */
  async moving<T>(queue: string, step: () => Promise<T>): Promise<T | undefined> {
    if ((this.#users.get(queue) ?? 0) > 0 || this.#moving.has(queue)) return undefined;
    this.#moving.add(queue);
    try {
      return await step();
    } finally {
      this.#moving.delete(queue);
    }
  }

  #count(queue: string, by: number): void {
    this.#users.set(queue, (this.#users.get(queue) ?? 0) + by);
  }
}
