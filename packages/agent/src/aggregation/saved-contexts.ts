/**
 * Contexts as text, for those that wait in the store: a part of a window for the rest, a last second for more.
 */
import {
  canonicalTags,
  type DistinctElement,
  metricName,
  type Seconds,
  seconds,
  type Tags,
  tagList,
} from "@chouette-iot/record";
import type { Context } from "./context.js";

export interface SavedContext {
  readonly context: Context;
  /** The ids of the ready metrics that it became; none if it wasn't emitted yet. */
  readonly readyIds: readonly string[];
}

/** The elements of a set in JSON: a whole number that a double can't hold is an object with its digits. */
type SavedElement = Exclude<DistinctElement, bigint> | { readonly digits: string };

export function saveContexts(saved: Iterable<SavedContext>): string {
  return JSON.stringify([...saved], (_key, value) => (value instanceof Set ? saveElements(value) : value));
}

/**
 * @param text what {@link saveContexts} made, or undefined if nothing was saved
 * @param globalTags of every series: those that were saved by an earlier version don't have them
 */
export function restoreContexts(
  text: string | undefined,
  globalTags: readonly string[],
): readonly SavedContext[] {
  if (text === undefined) return [];
  const saved: readonly SavedContext[] = JSON.parse(text);
  return saved.map(({ context, readyIds }) => ({ context: restoreContext(context, globalTags), readyIds }));
}

function restoreContext(context: Context, globalTags: readonly string[]): Context {
  // An earlier version saved tags by name, and names as they were given.
  const tags: readonly string[] | Tags = context.tags;
  const list = isList(tags) ? tags : tagList(tags);
  const named = { metric: metricName(context.metric), tags: canonicalTags(list, globalTags) };
  if (context.type !== "set") return { ...context, ...named };
  const elements = context.sum.elements as unknown as readonly SavedElement[];
  return { ...context, ...named, sum: { elements: new Set(elements.map(restoreElement)) } };
}

function isList(tags: readonly string[] | Tags): tags is readonly string[] {
  return Array.isArray(tags);
}

function saveElements(elements: ReadonlySet<DistinctElement>): readonly SavedElement[] {
  return Array.from(elements, (element) =>
    typeof element === "bigint" ? { digits: `${element}` } : element,
  );
}

function restoreElement(saved: SavedElement): DistinctElement {
  if (typeof saved === "boolean") return Number(saved);
  return typeof saved === "object" && saved !== null ? BigInt(saved.digits) : saved;
}

/**
 * The same, of a time that is later by so much.
 *
 * @param text what {@link saveContexts} made
 * @param shiftedId the new id of a ready metric that they became
 */
export function shiftContexts(text: string, by: Seconds, shiftedId: (id: string) => string): string {
  const saved: readonly SavedContext[] = JSON.parse(text);
  return JSON.stringify(
    saved.map(({ context, readyIds }) => ({
      context: shiftedContext(context, by),
      readyIds: readyIds.map(shiftedId),
    })),
  );
}

/** Of the sums, a gauge alone knows when its value was taken. */
function shiftedContext(context: Context, by: Seconds): Context {
  if (context.type !== "gauge" || context.sum.at === null) return context;
  return { ...context, sum: { ...context.sum, at: seconds(context.sum.at + by) } };
}
