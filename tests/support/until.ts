/** Waiting for a condition, with a deadline: tests never sleep and hope. */
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 10;

/**
 * Factor for all deadlines. Long runs, which look for wrong sums, set `TEST_PATIENCE` so that a busy machine doesn't
 * fail them.
 */
export const PATIENCE = Number(process.env.TEST_PATIENCE ?? 1);

/** The first answer of `probe` that is neither undefined nor false; an error, naming what was awaited, after the deadline. */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  deadlineMs = 40_000,
): Promise<Exclude<T, undefined | false | null>> {
  const end = Date.now() + deadlineMs * PATIENCE;
  let last: unknown;
  while (Date.now() < end) {
    try {
      const answer = await probe();
      if (answer !== undefined && answer !== false && answer !== null) {
        return answer as Exclude<T, undefined | false | null>;
      }
    } catch (error) {
      last = error;
    }
    await sleep(POLL_MS);
  }
  const cause = last === undefined ? {} : { cause: last };
  throw new Error(`waited ${deadlineMs * PATIENCE} ms in vain for ${what}`, cause);
}
