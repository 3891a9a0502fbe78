/** Exponential backoff with full jitter: how long to wait after a failure, so that devices don't return in step. */
import { type Milliseconds, milliseconds } from "@chouette-iot/record";

export interface BackoffOptions {
  /** The ceiling of the first wait; each failure in a row doubles it. */
  readonly first: Milliseconds;
  readonly longest: Milliseconds;
}

/**
 * @param failures how many in a row, from 1
 * @param random between 0 and 1
 */
export function backoff(
  failures: number,
  { first, longest }: BackoffOptions,
  random = Math.random(),
): Milliseconds {
  const ceiling = Math.min(longest, first * 2 ** Math.min(failures - 1, 30));
  return milliseconds(Math.ceil(random * ceiling));
}
