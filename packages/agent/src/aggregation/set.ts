/**
 * Set: the distinct elements of the window. A number and its text are two elements, as in the original.
 */
import type { SetElement } from "@chouette-iot/record";

export interface DistinctSet {
  readonly elements: Set<SetElement>;
}

export function newSet(): DistinctSet {
  return { elements: new Set() };
}

export function addToSet(set: DistinctSet, elements: readonly SetElement[]): void {
  for (const element of elements) set.elements.add(element);
}

export function mergeSets(into: DistinctSet, other: DistinctSet): void {
  for (const element of other.elements) into.elements.add(element);
}
