/** Waits for a condition, with a deadline. */
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Resolves once the condition is true; an error counts as "not yet". Rejects after the deadline.
 *
 * @param {string} what  for the error
 * @param {() => unknown} condition  may answer with a promise
 * @param {{ everyMs?: number, deadlineMs?: number }} [times]
 */
export async function until(what, condition, { everyMs = 5, deadlineMs = 60_000 } = {}) {
  const end = performance.now() + deadlineMs;
  let cause;
  while (performance.now() < end) {
    try {
      if (await condition()) return;
    } catch (error) {
      cause = error;
    }
    await sleep(everyMs);
  }
  throw new Error(`waited ${deadlineMs} ms in vain for ${what}`, { cause });
}
