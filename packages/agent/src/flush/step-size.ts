/** How many contexts a flush settles in one step (steps.ts): all of them, or as many as a full disk has space for. */

/** Divides the number of contexts each time the disk has no space for a step. */
const FEWER = 8;
const FIRST_CONTEXTS = 1_600;
const MIN_CONTEXTS = 25;

/** Settle all contexts in one step. */
export const ONE_STEP = Number.POSITIVE_INFINITY;

/** How many contexts to try next if there was no space for a step of `contexts`; undefined if it can't be smaller. */
export function fewerContexts(contexts: number): number | undefined {
  if (contexts <= MIN_CONTEXTS) return undefined;
  return contexts === ONE_STEP ? FIRST_CONTEXTS : contexts / FEWER;
}
