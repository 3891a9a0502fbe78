/** Exponential backoff with full jitter, so that devices don't retry in step. */
import { type Milliseconds, milliseconds } from "../time.js";

export interface BackoffLimits {
  /** Upper limit of the first wait; each failure in a row doubles it. */
  readonly first: Milliseconds;
  readonly max: Milliseconds;
}

/**
 * How long to wait before the next attempt.
 *
 * @param failures number of failures in a row, from 1
 * @param random between 0 and 1
 */
export function backoff(
  failures: number,
  { first, max }: BackoffLimits,
  random = Math.random(),
): Milliseconds {
  const limit = Math.min(max, first * 2 ** Math.min(failures - 1, 30));
  return milliseconds(Math.ceil(random * limit));
}
