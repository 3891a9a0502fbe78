/**
 * A Bloom filter of ids: whether an id may be in a run. For a run it has 16 bits per record and 1 false positive in 1,500.
 *
 * With the shared filters (`run-ids.ts`), a million records take about 3 MB, and storing a new record reads no disk.
 */

/** 32 bits of an id's text (FNV-1a over its code units, mixed as in MurmurHash3). */
export function hashId(id: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index++) {
    hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Bits per id, and the number of bits that an id sets. */
interface FilterShape {
  readonly bits: number;
  readonly probes: number;
}

const OF_A_RUN: FilterShape = { bits: 16, probes: 7 };

export class IdFilter {
  readonly #words: Uint32Array;
  readonly #bits: number;
  readonly #probes: number;

  /** @param size expected number of ids */
  constructor(size: number, { bits, probes } = OF_A_RUN) {
    this.#words = new Uint32Array(Math.max(1, Math.ceil((size * bits) / 32)));
    this.#bits = this.#words.length * 32;
    this.#probes = probes;
  }

  add(hash: number): void {
    const words = this.#words;
    const step = stepOf(hash);
    let place = hash;
    for (let probe = this.#probes; probe > 0; probe--) {
      const bit = place % this.#bits;
      words[bit >>> 5] = (words[bit >>> 5] ?? 0) | (1 << (bit & 31));
      place = (place + step) >>> 0;
    }
  }

  mayHave(hash: number): boolean {
    const words = this.#words;
    const step = stepOf(hash);
    let place = hash;
    for (let probe = this.#probes; probe > 0; probe--) {
      const bit = place % this.#bits;
      if (((words[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
      place = (place + step) >>> 0;
    }
    return true;
  }
}

function stepOf(hash: number): number {
  return (Math.imul(hash, 0x9e3779b1) | 1) >>> 0;
}
