/** The removed records of a run: one bit for each ordinal. */

export class RemovedSet {
  readonly #bits: Uint8Array;
  #count = 0;

  constructor(size: number | RemovedSet) {
    this.#bits = size instanceof RemovedSet ? size.#bits.slice() : new Uint8Array(Math.ceil(size / 8));
    if (size instanceof RemovedSet) this.#count = size.#count;
  }

  copy(): RemovedSet {
    return new RemovedSet(this);
  }

  get count(): number {
    return this.#count;
  }

  has(ordinal: number): boolean {
    return ((this.#bits[ordinal >> 3] ?? 0) & (1 << (ordinal & 7))) !== 0;
  }

  /** @returns whether it is new */
  add(ordinal: number): boolean {
    const byte = this.#bits[ordinal >> 3];
    const bit = 1 << (ordinal & 7);
    if (byte === undefined || (byte & bit) !== 0) return false;
    this.#bits[ordinal >> 3] = byte | bit;
    this.#count += 1;
    return true;
  }

  /** The first ordinal from this one on that isn't in the set. */
  nextAbsent(from: number): number {
    let ordinal = from;
    while (this.has(ordinal)) {
      ordinal += 1;
      // Records are mostly removed in order: skip whole bytes.
      if ((ordinal & 7) === 0) while (this.#bits[ordinal >> 3] === 0xff) ordinal += 8;
    }
    return ordinal;
  }

  /** In ascending order. */
  *ordinals(): Generator<number> {
    for (const [index, byte] of this.#bits.entries()) {
      if (byte === 0) continue;
      for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) yield index * 8 + bit;
    }
  }
}
