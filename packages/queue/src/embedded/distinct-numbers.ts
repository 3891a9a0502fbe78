/** A list of numbers without duplicates. While they only rise, as records' numbers mostly do, it needs no index. */
export class DistinctNumbers {
  readonly values: number[] = [];
  #known: Set<number> | undefined;

  /** @returns whether it is new */
  add(number: number): boolean {
    const last = this.values.at(-1);
    if (last !== undefined && number <= last) this.#known ??= new Set(this.values);
    if (this.#known?.has(number)) return false;
    this.#known?.add(number);
    this.values.push(number);
    return true;
  }
}
