/**
 * What a recovery could not read.
 *
 * Frames say now and then how many records each queue holds. If fewer are there than the last of them says, the rest
 * is lost, and counted. What may be lost besides is unknown, and reported as that.
 */
import type { Mark, Opened } from "./change.js";
import type { Content } from "./content.js";

export interface Marks {
  /** The last segment's last one, if it has one that can be read. */
  readonly last: Mark | undefined;
  /** The last of the journal that says how it was opened. */
  readonly opened: Opened | undefined;
}

export class Losses {
  /** By queue, records that are missing. */
  readonly lost = new Map<string, number>();
  /** Files of which nothing could be read: they are to be moved away. */
  readonly unreadablePaths = new Set<string>();
  #damagedBytes = 0;
  #hasDamage = false;
  #isTailDamaged = false;
  #isPowerLost = false;
  #isCut = false;
  #isOtherVersion = false;
  /** Damage that no later frame's numbers account for. */
  #isUncounted = false;
  /** By queue, by how many records it held more at the last look than are there. */
  readonly #missing = new Map<string, number>();

  get any(): boolean {
    return this.#hasDamage;
  }

  /** Whether frames are missing that were on disk, as far as it is known. Those that a power cut kept from it aren't. */
  get hasGap(): boolean {
    return this.#hasDamage || (this.#isTailDamaged && !this.#isCut);
  }

  get damagedBytes(): number {
    return this.#damagedBytes;
  }

  /** Whether more may be lost than {@link lost} says. */
  get isUnknown(): boolean {
    return this.#isTailDamaged || this.#isPowerLost || this.#isUncounted;
  }

  /** Whether the machine stopped before all that was confirmed was on disk. */
  get isPowerLost(): boolean {
    return this.#isPowerLost;
  }

  /** Whether another version of Chouette wrote the journal, or a part of it. */
  get isOtherVersion(): boolean {
    return this.#isOtherVersion;
  }

  /** Bytes that belong to no frame. What was in them shows in the frames behind them. */
  damaged(bytes: number): void {
    this.#damagedBytes += bytes;
  }

  /** Such bytes at the journal's end: nothing says what was in them. */
  tailDamaged(bytes: number): void {
    this.damaged(bytes);
    this.#isTailDamaged = true;
  }

  /** Something that was written is missing. */
  missing(): void {
    this.#hasDamage = true;
    this.#isUncounted = true;
  }

  /** What was on its way to the disk when the power was cut is gone. */
  cut(bytes: number): void {
    this.tailDamaged(bytes);
    this.#isCut = true;
  }

  unreadable(path: string, bytes: number): void {
    this.unreadablePaths.add(path);
    this.damaged(bytes);
    this.missing();
  }

  /** A file of another version: nothing of it is read, and nothing of it is damaged. */
  otherVersion(path: string): void {
    this.#isOtherVersion = true;
    this.unreadable(path, 0);
  }

  /**
   * A frame says how many records its queues held.
   *
   * @param isWhole whether it says as well what the counters were
   */
  observe(sizes: ReadonlyMap<string, number>, content: Content, isWhole: boolean): void {
    for (const [queue, size] of sizes) this.#missing.set(queue, size - content.queue(queue).size);
    if (isWhole) this.#isUncounted = false;
  }

  /** Of the records that were missing at the last look, so many are not: they were found, or have left. */
  found(queue: string, count: number): void {
    const missing = this.#missing.get(queue);
    if (missing !== undefined) this.#missing.set(queue, missing - count);
  }

  /** All is read. @param boot the machine's present boot */
  end({ last, opened }: Marks, boot: string): void {
    if (last?.kind === "closed") this.#isTailDamaged = false;
    const wasCut = this.#isCut || last === undefined || (last.kind === "opened" && last.boot !== boot);
    const wasDurable = opened?.isDurable === true;
    this.#isPowerLost = wasCut && !wasDurable && !this.#isOtherVersion;
    // Of what was on its way to the disk nothing was confirmed.
    if (wasCut && wasDurable) this.#isTailDamaged = false;
    if (!this.#hasDamage && !this.#isTailDamaged) return;
    for (const [queue, missing] of this.#missing) {
      if (missing > 0) this.lost.set(queue, missing);
      // A removal was lost: its records are there again.
      if (missing < 0) this.#isUncounted = true;
    }
  }
}
