/**
 * A record's JSON, joined from the parts that its context has precomputed: the hot path of every call.
 *
 * Promises: equal, as a JSON value, to what `encodeRawMetric` makes of the same record.
 */
import type { MetricContext } from "./metric-context.js";

/**
 * @param value a finite number, or the JSON of the elements, samples or sketch of several calls
 * @param timestamp seconds since the epoch, as text
 */
export function recordText(context: MetricContext, value: number | string, timestamp: string): string {
  const prefix = typeof value === "number" ? context.jsonPrefix : context.metric.joinedPrefix;
  return `${prefix}${value},"timestamp":${timestamp}${context.jsonSuffix}`;
}

/**
 * The current time as text, in seconds. Formatting a fraction costs more than the rest of a record, so calls within one
 * millisecond share the text.
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
