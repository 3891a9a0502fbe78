/** Waiting for a condition, with a deadline: tests never sleep and hope. */

const POLL_MS = 10;

/**
 * How many times as long deadlines are. Long runs are there to find wrong sums: they set `TEST_PATIENCE`, so that a busy
 * machine doesn't end them.
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
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const cause = last === undefined ? {} : { cause: last };
  throw new Error(`waited ${deadlineMs * PATIENCE} ms in vain for ${what}`, cause);
}
