/**
 * Group commit: changes that arrive together are written and flushed to disk together.
 *
 * Promises: a change's promise resolves once the change is on disk; changes take effect in the order of the
 * calls; those of one commit are all there after a crash or none. A commit that fails rejects each of its changes.
 */
import type { Milliseconds } from "@chouette-iot/record";
import type { RootDatabase } from "lmdb";

export interface Change {
  /** Makes its writes; called inside the transaction. */
  apply(): void;
  /** Whether it reads what earlier changes of its commit may have written. */
  readonly readsOwnCommit?: boolean;
  /** Whether to commit at once, with whatever else waits, instead of at the end of the interval. */
  readonly urgent?: boolean;
}

interface Waiting {
  readonly change: Change;
  resolve(): void;
  reject(error: unknown): void;
}

export class GroupCommit {
  readonly #root: RootDatabase;
  readonly #interval: Milliseconds;
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;
  #committing: Promise<void> | undefined;

  /** @param interval the longest that a change waits for others before it is committed */
  constructor(root: RootDatabase, interval: Milliseconds) {
    this.#root = root;
    this.#interval = interval;
  }

  add(change: Change): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change, resolve, reject });
      if (change.urgent === true || this.#interval === 0) this.#start();
      else this.#timer ??= setTimeout(() => this.#start(), this.#interval);
    });
  }

  /** Commits what waits. */
  async drain(): Promise<void> {
    this.#start();
    await this.#committing;
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.length > 0) this.#committing ??= this.#commitAll();
  }

  async #commitAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.#commit(group.map(({ change }) => change));
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    // In the same turn as the last look at what waits: what is added later starts the next.
    this.#committing = undefined;
  }

  async #commit(changes: readonly Change[]): Promise<void> {
    const applyAll = () => {
      for (const change of changes) change.apply();
    };
    // A batch is written by LMDB's own thread; only a transaction on this one can read its own writes.
    if (changes.some((change) => change.readsOwnCommit)) this.#root.transactionSync(applyAll);
    else await this.#root.batch(applyAll);
    await this.#root.flushed;
  }
}
