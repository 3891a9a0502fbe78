/**
 * The orphans of a queue: values whose id has no score yet, in the order in which they were first stored.
 *
 * They are whole in memory and are written to no run: `content.ts` bounds them.
 */

/** Estimated memory of an orphan without its texts. */
const ORPHAN_BYTES = 200;

export class OrphanTable {
  readonly #values = new Map<string, string>();
  #textBytes = 0;

  get size(): number {
    return this.#values.size;
  }

  /** Total length of ids and values, in UTF-16 units. */
  get textBytes(): number {
    return this.#textBytes;
  }

  /** Estimated memory. */
  get memoryBytes(): number {
    return this.#textBytes + this.size * ORPHAN_BYTES;
  }

  get(id: string): string | undefined {
    return this.#values.get(id);
  }

  set(id: string, value: string): void {
    const former = this.#values.get(id);
    this.#textBytes += value.length - (former?.length ?? -id.length);
    this.#values.set(id, value);
  }

  delete(id: string): void {
    const value = this.#values.get(id);
    if (value === undefined) return;
    this.#textBytes -= id.length + value.length;
    this.#values.delete(id);
  }

  /** Removes the one that was stored first. */
  deleteOldest(): void {
    for (const id of this.#values.keys()) {
      this.delete(id);
      return;
    }
  }

  [Symbol.iterator](): IterableIterator<[id: string, value: string]> {
    return this.#values.entries();
  }
}
