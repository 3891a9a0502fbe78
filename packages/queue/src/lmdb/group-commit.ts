/**
 * Group commit: changes that arrive together become one transaction, and one flush to the disk.
 *
 * Promises: a change's promise resolves once the change is on disk; changes take effect in the order of the
 * calls and see one another; those of one commit are all there after a crash or none. A commit that fails
 * changes nothing and rejects each of its changes.
 */
import type { Milliseconds } from "@chouette-iot/record";

/** Runs this as one transaction and returns when it is durable, or throws with nothing changed. */
export type Transact = (apply: () => void) => void;

interface Change {
  apply(): void;
  resolve(): void;
  reject(error: unknown): void;
}

export class GroupCommit {
  readonly #transact: Transact;
  readonly #interval: Milliseconds;
  #waiting: Change[] = [];
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Immediate | undefined;

  /** @param interval the longest that a change waits for others before it is committed */
  constructor(transact: Transact, interval: Milliseconds) {
    this.#transact = transact;
    this.#interval = interval;
  }

  /** @param apply makes the change's writes; called inside the transaction */
  add(apply: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ apply, resolve, reject });
      if (this.#interval === 0) this.#commitSoon();
      else this.#timer ??= setTimeout(() => this.commit(), this.#interval);
    });
  }

  /** Like {@link add}, but does not wait for the interval: whatever else waits goes with it. */
  addUrgent(apply: () => void): Promise<void> {
    const committed = this.add(apply);
    this.#commitSoon();
    return committed;
  }

  /** Commits what waits. */
  commit(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#soon);
    this.#timer = undefined;
    this.#soon = undefined;
    const group = this.#waiting;
    this.#waiting = [];
    if (group.length === 0) return;
    try {
      this.#transact(() => {
        for (const { apply } of group) apply();
      });
    } catch (error) {
      for (const { reject } of group) reject(error);
      return;
    }
    for (const { resolve } of group) resolve();
  }

  #commitSoon(): void {
    this.#soon ??= setImmediate(() => this.commit());
  }
}
