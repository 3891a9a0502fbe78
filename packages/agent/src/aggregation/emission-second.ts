/**
 * Which second the values of an emission are stamped with.
 *
 * Datadog keeps the last value that it receives for a metric, host, tags and second. Records that arrive after their
 * window was emitted would overwrite its first values if they were sent for the same second. So the n-th emission of a
 * window goes to the n-th second after its start, and the values of all its seconds add up to the whole. Once the
 * window's seconds are used up, later records are added to the last second, which is sent again whole.
 */
import { type Seconds, seconds } from "@chouette-iot/record";

export interface Emission {
  /** The second that the values are stamped with. */
  readonly at: Seconds;
  /** Whether this is the window's last second, whose values are kept, since it is sent again whole with later records. */
  readonly isLast: boolean;
}

/**
 * @param start the window's start
 * @param earlier how many times the window was emitted before
 * @param interval the window's length, in whole seconds
 */
export function emissionOf(start: Seconds, earlier: number, interval: Seconds): Emission {
  const last = interval - 1;
  return { at: seconds(start + Math.min(earlier, last)), isLast: earlier >= last };
}
