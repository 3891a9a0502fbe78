/** Exponential backoff with full jitter: how long to wait after a failure, so that devices don't return in step. */
import { type Milliseconds, milliseconds } from "../time.js";

export interface BackoffLimits {
  /** Upper limit of the first wait; each failure in a row doubles it. */
  readonly first: Milliseconds;
  readonly max: Milliseconds;
}

/**
 * @param failures how many in a row, from 1
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
