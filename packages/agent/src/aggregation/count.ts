/** Count: what happened in the window, added up. */

export interface Count {
  total: number;
}

export function newCount(): Count {
  return { total: 0 };
}

export function addToCount(count: Count, value: number): void {
  count.total += value;
}

export function mergeCounts(into: Count, other: Count): void {
  into.total += other.total;
}
