/** An LRU cache of runs' blocks, bounded in bytes. */
import type { Block } from "./block.js";

const MAX_BYTES = 2 * 1024 * 1024;

export class BlockCache {
  /** By run and block, the least recently used first. */
  readonly #blocks = new Map<string, Block>();
  #bytes = 0;

  get(run: number, index: number): Block | undefined {
    const key = `${run}/${index}`;
    const block = this.#blocks.get(key);
    if (block === undefined) return undefined;
    this.#blocks.delete(key);
    this.#blocks.set(key, block);
    return block;
  }

  put(run: number, index: number, block: Block): void {
    const key = `${run}/${index}`;
    this.#drop(key);
    this.#blocks.set(key, block);
    this.#bytes += block.bytes;
    for (const oldest of this.#blocks.keys()) {
      if (this.#bytes <= MAX_BYTES || oldest === key) break;
      this.#drop(oldest);
    }
  }

  /** Removes all blocks of a run. */
  forget(run: number): void {
    for (const key of this.#blocks.keys()) if (key.startsWith(`${run}/`)) this.#drop(key);
  }

  clear(): void {
    this.#blocks.clear();
    this.#bytes = 0;
  }

  #drop(key: string): void {
    const block = this.#blocks.get(key);
    if (block === undefined) return;
    this.#blocks.delete(key);
    this.#bytes -= block.bytes;
  }
}
