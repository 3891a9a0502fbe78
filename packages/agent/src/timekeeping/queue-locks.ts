/**
 * One lock for each queue, between those who take records out of it and the moving of its records to another time.
 *
 * Nobody waits: anyone who comes while the queue is in use for the other purpose learns so and comes again later. Those
 * who take records out may do so side by side.
 */
export class QueueLocks {
  /** How many are using it now. */
  readonly #users = new Map<string, number>();
  readonly #moving = new Set<string>();

  /** Does the step while no record of these queues is moved; undefined if one is being moved now. */
  async using<T>(queues: readonly string[], step: () => Promise<T>): Promise<T | undefined> {
    if (queues.some((queue) => this.#moving.has(queue))) return undefined;
    for (const queue of queues) this.#count(queue, 1);
    try {
      return await step();
    } finally {
      for (const queue of queues) this.#count(queue, -1);
    }
  }

  /** Does the step while nobody uses the queue; undefined if somebody uses or moves it now. */
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
