/**
 * Which second a window's value goes to.
 *
 * Datadog keeps the last value that it gets for a metric, host, tags and second. A part of a window that comes
 * after the window was emitted would erase the first part at the same second. So the n-th emission of a window
 * goes to the n-th second after its start, and the values of all its seconds add up to the whole. Once the
 * window's seconds are used up, all that comes later is gathered in the last one, which is sent again whole.
 */
import { type Seconds, seconds } from "@chouette-iot/record";

export interface Emission {
  /** The second that the values are stamped with. */
  readonly at: Seconds;
  /** Whether the second takes further parts, so that its values must be kept to be sent again. */
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
