/** How many contexts a flush settles in one step (steps.ts): all of them, or as many as a full disk has room for. */

/** On a full disk so many times fewer, each time that a step finds no room. */
const FEWER = 8;
const FIRST_CONTEXTS = 1_600;
const MIN_CONTEXTS = 25;

/** All contexts, however many there are. */
export const ONE_STEP = Number.POSITIVE_INFINITY;

/** How many contexts to try next, if a step of so many found no room; undefined if it can't be smaller. */
export function fewerContexts(contexts: number): number | undefined {
  if (contexts <= MIN_CONTEXTS) return undefined;
  return contexts === ONE_STEP ? FIRST_CONTEXTS : contexts / FEWER;
}
