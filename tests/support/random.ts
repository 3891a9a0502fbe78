/** Random numbers that a seed repeats (mulberry32). */

/** Between 0, included, and 1. */
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

/** Random numbers of its own for each who draws them, so that what one draws doesn't hang on when others do. */
export function ownRandom(random: Random): Random {
  return seededRandom(Math.floor(random() * 2 ** 32));
}

/** One of these, each as likely as its weight. */
export function pick<T>(random: Random, choices: readonly (readonly [weight: number, choice: T])[]): T {
  const total = choices.reduce((sum, [weight]) => sum + weight, 0);
  let rest = random() * total;
  for (const [weight, choice] of choices) {
    rest -= weight;
    if (rest < 0) return choice;
  }
  throw new Error("there is nothing to pick from");
}
