/**
 * Rate: the sum of the window's values, to be divided by its length; the simple wrapper treats them as samples of a gauge.
 * Adding returns false, and changes nothing, if the sum wouldn't be finite.
 */

export interface Rate {
  total: number;
  samples: number;
}

export function newRate(): Rate {
  return { total: 0, samples: 0 };
}

export function addToRate(rate: Rate, value: number): boolean {
  return mergeRates(rate, { total: value, samples: 1 });
}

export function mergeRates(into: Rate, other: Rate): boolean {
  const total = into.total + other.total;
  if (!Number.isFinite(total)) return false;
  into.total = total;
  into.samples += other.samples;
  return true;
}
