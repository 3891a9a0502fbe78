/** The order of a queue: by score, then by the bytes of the id in UTF-8. */
import type { Position } from "./store.js";

/** Surrogates: UTF-8 sorts them after U+FFFF, UTF-16 before. */
const FIRST_SURROGATE = 0xd800;
const AFTER_SURROGATES = 0xe000;

/** Negative if `a` comes before `b`, 0 if they are equal. */
export function comparePositions(a: Position, b: Position): number {
  if (a.score !== b.score) return a.score < b.score ? -1 : 1;
  return compareIds(a.id, b.id);
}

/** The same for ids: by their bytes in UTF-8, without encoding them. */
export function compareIds(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const unitA = a.charCodeAt(index);
    const unitB = b.charCodeAt(index);
    if (unitA !== unitB) return rank(unitA) - rank(unitB);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  if (unit < FIRST_SURROGATE) return unit;
  return unit < AFTER_SURROGATES ? unit + 0x10000 : unit;
}

/** Number of a sorted list's positions up to and including this one. */
export function countThrough(sorted: readonly Position[], position: Position): number {
  return countWhile(sorted.length, (index) => {
    const at = sorted[index];
    return at !== undefined && comparePositions(at, position) <= 0;
  });
}

/** Number of indices from 0 for which this holds, by binary search: it holds for none after the first one it doesn't hold for. */
export function countWhile(length: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
