/**
 * The hot path: a record's JSON, joined from what its context knows already.
 *
 * Promises: equal, as a JSON value, to what `encodeRawMetric` makes of the same record.
 */
import type { MetricContext } from "./metric-context.js";

/**
 * @param value a finite number, or the JSON of what several calls have come to: elements, samples
 * @param timestamp seconds since the epoch, as text
 */
export function recordText(context: MetricContext, value: number | string, timestamp: string): string {
  const prefix = typeof value === "number" ? context.jsonPrefix : context.metric.joinedPrefix;
  return `${prefix}${value},"timestamp":${timestamp}${context.jsonSuffix}`;
}

/**
 * The time as text, in seconds. The shortest text of a fraction takes longer to find than all the rest of a record, so that
 * calls within one millisecond share it.
 */
export class ClockText {
  #at = Number.NaN;
  #text = "";

  /** @param now milliseconds since the epoch */
  seconds(now: number): string {
    if (now !== this.#at) {
      this.#at = now;
      this.#text = `${now / 1000}`;
    }
    return this.#text;
  }
}
