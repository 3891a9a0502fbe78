/** Numbers, each once. Those of records mostly rise: while they do, nothing is kept to find one again. */
export class DistinctNumbers {
  readonly values: number[] = [];
  #known: Set<number> | undefined;

  /** @returns whether it wasn't there yet */
  add(number: number): boolean {
    const last = this.values.at(-1);
    if (last !== undefined && number <= last) this.#known ??= new Set(this.values);
    if (this.#known?.has(number)) return false;
    this.#known?.add(number);
    this.values.push(number);
    return true;
  }
}
