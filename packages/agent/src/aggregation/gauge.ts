/**
 * Gauge: the value with the latest timestamp, and for the simple wrapper the mean.
 *
 * Of two values with the same timestamp the one that comes later in the queue's order holds.
 */
import type { Seconds } from "@chouette-iot/record";

export interface Gauge {
  latest: number;
  /** When the latest was taken; null before the first. */
  at: Seconds | null;
  total: number;
  samples: number;
}

export function newGauge(): Gauge {
  return { latest: 0, at: null, total: 0, samples: 0 };
}

export function addToGauge(gauge: Gauge, value: number, at: Seconds): void {
  if (gauge.at === null || at >= gauge.at) {
    gauge.latest = value;
    gauge.at = at;
  }
  gauge.total += value;
  gauge.samples += 1;
}

export function mergeGauges(into: Gauge, other: Gauge): void {
  if (other.at !== null && (into.at === null || other.at >= into.at)) {
    into.latest = other.latest;
    into.at = other.at;
  }
  into.total += other.total;
  into.samples += other.samples;
}
