/**
 * Set: the distinct elements of the window. A number and the same number as text are two elements, as in the Python agent.
 */
import type { DistinctElement } from "@chouette-iot/record";

export interface DistinctSet {
  readonly elements: Set<DistinctElement>;
}

export function newSet(): DistinctSet {
  return { elements: new Set() };
}

export function addToSet(set: DistinctSet, elements: Iterable<DistinctElement>): boolean {
  for (const element of elements) set.elements.add(element);
  return true;
}

export function mergeSets(into: DistinctSet, other: DistinctSet): boolean {
  return addToSet(into, other.elements);
}
