/**
 * Records what a recovery could not read.
 *
 * Some frames contain the size of each queue. If fewer records are found than the last of them says, the difference is
 * counted as lost. Any loss beyond that is reported as unknown.
 */
import type { Mark, Opened } from "./change.js";
import type { Content } from "./content.js";

export interface Marks {
  /** The last mark in the last segment, if there is one. */
  readonly last: Mark | undefined;
  /** The last "opened" mark of the journal. */
  readonly opened: Opened | undefined;
}

export class Losses {
  /** By queue, the number of missing records. */
  readonly lost = new Map<string, number>();
  /** Files in which nothing could be read, to be moved away. */
  readonly unreadablePaths = new Set<string>();
  damagedBytes = 0;
  /** Whether something is missing that had been written. */
  hasDamage = false;
  /** Whether the machine stopped before all confirmed writes were on disk. */
  isPowerLost = false;
  /** Whether another version of Chouette wrote at least a part of the journal. */
  isOtherVersion = false;
  #isTailDamaged = false;
  #isCut = false;
  /** Whether there is damage that no later frame's numbers account for. */
  #isUncounted = false;
  /** By queue, the size in the last frame that had it minus the number of records found. */
  readonly #missing = new Map<string, number>();

  /** Whether frames are missing that had reached the disk, as opposed to those that a power cut prevented. */
  get hasGap(): boolean {
    return this.hasDamage || (this.#isTailDamaged && !this.#isCut);
  }

  /** Whether more may be lost than {@link lost} says. */
  get isUnknown(): boolean {
    return this.#isTailDamaged || this.isPowerLost || this.#isUncounted;
  }

  /** Bytes that belong to no frame. Later frames reveal what was in them. */
  damaged(bytes: number): void {
    this.damagedBytes += bytes;
  }

  /** Damaged bytes at the journal's end: nothing reveals what was in them. */
  tailDamaged(bytes: number): void {
    this.damaged(bytes);
    this.#isTailDamaged = true;
  }

  /** Something that had been written is missing. */
  missing(): void {
    this.hasDamage = true;
    this.#isUncounted = true;
  }

  /** Bytes that a power cut kept from the disk. */
  cut(bytes: number): void {
    this.tailDamaged(bytes);
    this.#isCut = true;
  }

  unreadable(path: string, bytes: number): void {
    this.unreadablePaths.add(path);
    this.damaged(bytes);
    this.missing();
  }

  /** A file of another version: it isn't read, and isn't damaged. */
  otherVersion(path: string): void {
    this.isOtherVersion = true;
    this.unreadable(path, 0);
  }

  /**
   * Takes the sizes of queues from a frame.
   *
   * @param isWhole whether the frame has all counters as well
   */
  observe(sizes: ReadonlyMap<string, number>, content: Content, isWhole: boolean): void {
    for (const [queue, size] of sizes) this.#missing.set(queue, size - content.queue(queue).size);
    if (isWhole) this.#isUncounted = false;
  }

  /** Some records that seemed missing were found elsewhere, or had been removed. */
  found(queue: string, count: number): void {
    const missing = this.#missing.get(queue);
    if (missing !== undefined) this.#missing.set(queue, missing - count);
  }

  /** Concludes when everything is read. @param boot the machine's current boot */
  end({ last, opened }: Marks, boot: string): void {
    if (last?.kind === "closed") this.#isTailDamaged = false;
    const wasCut = this.#isCut || last === undefined || (last.kind === "opened" && last.boot !== boot);
    const wasDurable = opened?.isDurable === true;
    this.isPowerLost = wasCut && !wasDurable && !this.isOtherVersion;
    // With fsync "always", nothing was confirmed that wasn't on disk.
    if (wasCut && wasDurable) this.#isTailDamaged = false;
    if (!this.hasDamage && !this.#isTailDamaged) return;
    for (const [queue, missing] of this.#missing) {
      if (missing > 0) this.lost.set(queue, missing);
      // More records than there were: a removal was lost.
      if (missing < 0) this.#isUncounted = true;
    }
  }
}
