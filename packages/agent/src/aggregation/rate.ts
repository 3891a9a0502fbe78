/** Rate: what happened in the window, to be divided by its length; or, to the simple wrapper, samples of a gauge. */

export interface Rate {
  total: number;
  samples: number;
}

export function newRate(): Rate {
  return { total: 0, samples: 0 };
}

export function addToRate(rate: Rate, value: number): void {
  rate.total += value;
  rate.samples += 1;
}

export function mergeRates(into: Rate, other: Rate): void {
  into.total += other.total;
  into.samples += other.samples;
}
