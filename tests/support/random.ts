/** Random numbers that a seed repeats (mulberry32). */

/** From 0 (inclusive) to 1 (exclusive). */
export type Random = () => number;

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A separate generator, whose numbers don't depend on when others draw theirs. */
export function ownRandom(random: Random): Random {
  return seededRandom(Math.floor(random() * 2 ** 32));
}

/** One of these choices, with probabilities by weight. */
export function pick<T>(random: Random, choices: readonly (readonly [weight: number, choice: T])[]): T {
  const total = choices.reduce((sum, [weight]) => sum + weight, 0);
  let rest = random() * total;
  for (const [weight, choice] of choices) {
    rest -= weight;
    if (rest < 0) return choice;
  }
  throw new Error("there is nothing to pick from");
}
