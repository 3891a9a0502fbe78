/**
 * Gauge: the value with the latest timestamp, and for the simple wrapper the mean.
 *
 * Of two values with the same timestamp the one that is later in the queue wins. Adding returns false, and changes
 * nothing, if the sum of the samples wouldn't be finite.
 */
import type { Seconds } from "@chouette-iot/record";

export interface Gauge {
  latest: number;
  /** When the latest was measured; null before the first. */
  at: Seconds | null;
  total: number;
  samples: number;
}

export function newGauge(): Gauge {
  return { latest: 0, at: null, total: 0, samples: 0 };
}

export function addToGauge(gauge: Gauge, value: number, at: Seconds): boolean {
  return mergeGauges(gauge, { latest: value, at, total: value, samples: 1 });
}

export function mergeGauges(into: Gauge, other: Readonly<Gauge>): boolean {
  const total = into.total + other.total;
  if (!Number.isFinite(total)) return false;
  if (other.at !== null && (into.at === null || other.at >= into.at)) {
    into.latest = other.latest;
    into.at = other.at;
  }
  into.total = total;
  into.samples += other.samples;
  return true;
}
