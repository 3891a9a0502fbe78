/**
 * Units of time as their own types, so that a second is never taken for a millisecond.
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

/** The end of the time that a Date can hold. */
const MAX_TIME = 8.64e12;
const NUMBER_TEXT = /^\d+(\.\d+)?(e[+-]?\d+)?$/i;

/** Whether it is a time that a record can carry, in seconds since 1970. */
export function isTime(value: number): boolean {
  return value >= 0 && value <= MAX_TIME;
}

/** The time that a program wrote: a number, or one as text, which Redis and the original agent take as well. */
export function decodeTime(value: unknown): Seconds | undefined {
  const number = typeof value === "string" && NUMBER_TEXT.test(value) ? Number(value) : value;
  return typeof number === "number" && isTime(number) ? seconds(number) : undefined;
}
