/** Count: the sum of the window's values. Adding returns false, and changes nothing, if the sum wouldn't be finite. */

export interface Count {
  total: number;
}

export function newCount(): Count {
  return { total: 0 };
}

export function addToCount(count: Count, value: number): boolean {
  const total = count.total + value;
  if (!Number.isFinite(total)) return false;
  count.total = total;
  return true;
}

export function mergeCounts(into: Count, other: Count): boolean {
  return addToCount(into, other.total);
}
