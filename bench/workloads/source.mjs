/**
 * A seeded random generator that counts the information in its numbers.
 *
 * Each draw adds -log2 of its probability to `bits`: on average the lower bound of any code that knows how the numbers
 * are made, but not the seed. If every draw can be recovered from the values, the sum is the information in these
 * values.
 */

/** A double has this many bits after the point of its mantissa. */
const MANTISSA_BITS = 52;

export class Source {
  bits = 0;
  #state;

  /** @param {number} seed a whole number */
  constructor(seed) {
    this.#state = seed;
  }

  /** A number from 0 to 1, any multiple of 2^-53. */
  uniform() {
    this.bits += 53;
    return this.#next();
  }

  /** An integer from 0 to n - 1, uniformly distributed. */
  below(n) {
    this.bits += Math.log2(n);
    return Math.floor(n * this.#next());
  }

  /** True with this probability. */
  chance(probability) {
    const happens = this.#next() < probability;
    this.bits -= Math.log2(happens ? probability : 1 - probability);
    return happens;
  }

  /** An integer from 0 with this mean: geometrically distributed. */
  count(mean) {
    const more = mean / (1 + mean);
    const drawn = Math.floor(Math.log(1 - this.#next()) / Math.log(more));
    this.bits -= drawn * Math.log2(more) + Math.log2(1 - more);
    return drawn;
  }

  /** An integer around 0 with a random sign. */
  step(mean) {
    const more = mean / (1 + mean);
    const isUp = this.#next() < 1 / (1 + more);
    const size = Math.floor(Math.log(1 - this.#next()) / Math.log(more));
    this.bits -= Math.abs(isUp ? size : size + 1) * Math.log2(more) + Math.log2((1 - more) / (1 + more));
    return isUp ? size : -1 - size;
  }

  /** A normally distributed double. Its information depends on the spacing of doubles there. */
  normal(mean, deviation) {
    const deviate = Math.sqrt(-2 * Math.log(1 - this.#next())) * Math.cos(2 * Math.PI * this.#next());
    const value = mean + deviation * deviate;
    const density = Math.exp(-(deviate ** 2) / 2) / (deviation * Math.sqrt(2 * Math.PI));
    this.bits -= Math.log2(density * stepAt(value, MANTISSA_BITS));
    return value;
  }

  /** One of these, with probabilities by weight. */
  oneOf(weighted) {
    const whole = weighted.reduce((sum, [, weight]) => sum + weight, 0);
    let left = whole * this.#next();
    for (const [one, weight] of weighted) {
      left -= weight;
      if (left >= 0) continue;
      this.bits -= Math.log2(weight / whole);
      return one;
    }
    return weighted.at(-1)[0];
  }

  /** Mulberry32; two draws make 53 bits. */
  #next() {
    const draw = () => {
      this.#state = (this.#state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return (mixed ^ (mixed >>> 14)) >>> 0;
    };
    return ((draw() >>> 5) * 2 ** 26 + (draw() >>> 6)) / 2 ** 53;
  }
}

/** The distance between adjacent numbers with this many bits of mantissa. */
export function stepAt(value, bits) {
  return 2 ** (Math.floor(Math.log2(Math.abs(value))) - bits);
}
