/**
 * Whether an id may be among a run's records: a Bloom filter, 20 bits a record, wrong for 1 in 10,000
 * that isn't. Of a million records it takes 2.5 MB, so that storing a record needs no look at the disk.
 */

const BITS_PER_ID = 20;
const PROBES = 7;

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

export class IdFilter {
  readonly #bits: Uint32Array;

  constructor(size: number) {
    this.#bits = new Uint32Array(Math.max(1, Math.ceil((size * BITS_PER_ID) / 32)));
  }

  add(hash: number): void {
    const bits = this.#bits.length * 32;
    const step = stepOf(hash);
    for (let probe = 0; probe < PROBES; probe++) {
      const bit = ((hash + probe * step) >>> 0) % bits;
      this.#bits[bit >>> 5] = (this.#bits[bit >>> 5] ?? 0) | (1 << (bit & 31));
    }
  }

  mayHave(hash: number): boolean {
    const bits = this.#bits.length * 32;
    const step = stepOf(hash);
    for (let probe = 0; probe < PROBES; probe++) {
      const bit = ((hash + probe * step) >>> 0) % bits;
      if (((this.#bits[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }
}

function stepOf(hash: number): number {
  return (Math.imul(hash, 0x9e3779b1) | 1) >>> 0;
}
