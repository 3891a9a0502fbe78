/**
 * Group commit: changes that arrive together become one transaction, and one flush to the disk.
 *
 * Promises: a change's promise resolves once the change is on disk; changes take effect in the order of the
 * calls and see one another; those of one commit are all there after a crash or none. A commit that fails
 * changes nothing and rejects each of its changes.
 *
 * Every commit costs the flash some pages, however little is in it. Over time there is at most one an interval;
 * those that weren't used are saved, up to a limit, and spent at once when somebody waits. So a program that
 * stores one record and waits for the answer gets it at the disk's speed, as long as it doesn't do so all day. Of a
 * commit that is full, its own pages are a small part: it waits for nothing and spends nothing.
 */
import type { Milliseconds } from "@chouette-iot/record";

/** Runs this as one transaction and returns when it is durable, or throws with nothing changed. */
export type Transact = (apply: () => void) => void;

interface Change {
  check(): void;
  apply(): void;
  resolve(): void;
  reject(error: unknown): void;
}

/** Commits. 500 of them write some 8 MB. */
const MOST_SAVED = 500;
/** So many bytes of records make a commit full. Beside them it writes some 16 KB. */
const FULL_COMMIT_BYTES = 64 * 1024;

export class GroupCommit {
  readonly #transact: Transact;
  readonly #interval: Milliseconds;
  readonly #now: () => number;
  #waiting: Change[] = [];
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Immediate | undefined;
  #saved = MOST_SAVED;
  #savedAt: number;

  /**
   * @param interval how often there may be a commit, over time
   * @param now milliseconds that run on evenly
   */
  constructor(transact: Transact, interval: Milliseconds, now: () => number = () => performance.now()) {
    this.#transact = transact;
    this.#interval = interval;
    this.#now = now;
    this.#savedAt = now();
  }

  /**
   * @param apply makes the change's writes; called inside the transaction
   * @param bytes of the records that it writes
   */
  add(apply: () => void, bytes: number): Promise<void> {
    const committed = this.#enter(apply, () => {});
    this.#waitingBytes += bytes;
    const wait = this.#isFull() ? 0 : this.#untilNext();
    if (wait === 0) this.#commitSoon();
    else this.#timer ??= setTimeout(() => this.commit(), wait);
    return committed;
  }

  /**
   * Like {@link add}, but does not wait for the interval: whatever else waits goes with it.
   *
   * @param check called inside the transaction first: what it throws rejects this change alone
   */
  addUrgent(apply: () => void, check: () => void): Promise<void> {
    const committed = this.#enter(apply, check);
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
    this.#saved = Math.max(0, this.#savedNow() - (this.#isFull() ? 0 : 1));
    this.#savedAt = this.#now();
    this.#waitingBytes = 0;
    const refused = new Map<Change, unknown>();
    try {
      this.#transact(() => {
        for (const change of group) {
          try {
            change.check();
          } catch (error) {
            refused.set(change, error);
            continue;
          }
          change.apply();
        }
      });
    } catch (error) {
      for (const { reject } of group) reject(error);
      return;
    }
    for (const change of group) {
      if (refused.has(change)) change.reject(refused.get(change));
      else change.resolve();
    }
  }

  #enter(apply: () => void, check: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ check, apply, resolve, reject });
    });
  }

  #isFull(): boolean {
    return this.#waitingBytes >= FULL_COMMIT_BYTES;
  }

  #savedNow(): number {
    if (this.#interval === 0) return MOST_SAVED;
    return Math.min(MOST_SAVED, this.#saved + (this.#now() - this.#savedAt) / this.#interval);
  }

  /** Milliseconds until there is a commit to spend. */
  #untilNext(): number {
    const saved = this.#savedNow();
    return saved >= 1 ? 0 : (1 - saved) * this.#interval;
  }

  #commitSoon(): void {
    this.#soon ??= setImmediate(() => this.commit());
  }
}
