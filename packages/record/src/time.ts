/**
 * Units of time as types of their own, so that a second is never taken for a millisecond.
 *
 * Records carry seconds, because the broker format and Datadog do. Timers and the clock carry milliseconds,
 * because the platform does.
 */

declare const unit: unique symbol;

/** A time or a length of time in seconds; a time counts from the Unix epoch and may have a fraction. */
export type Seconds = number & { readonly [unit]: "seconds" };

/** A time or a length of time in milliseconds; a time counts from the Unix epoch. */
export type Milliseconds = number & { readonly [unit]: "milliseconds" };

export function seconds(value: number): Seconds {
  return value as Seconds;
}

export function milliseconds(value: number): Milliseconds {
  return value as Milliseconds;
}

export function toSeconds(value: Milliseconds): Seconds {
  return (value / 1000) as Seconds;
}

export function toMilliseconds(value: Seconds): Milliseconds {
  return (value * 1000) as Milliseconds;
}
