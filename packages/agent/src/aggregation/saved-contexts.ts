/**
 * Contexts as text, for those that wait in the store: a part of a window for the rest, a last second for more.
 */
import type { SetElement } from "@chouette-iot/record";
import type { Context } from "./context.js";

export interface SavedContext {
  readonly context: Context;
  /** The ids of the ready metrics that it became; none where it wasn't emitted yet. */
  readonly readyIds: readonly string[];
}

export function saveContexts(saved: Iterable<SavedContext>): string {
  // The elements of a set are the one thing in a context that JSON has no form for.
  return JSON.stringify([...saved], (_key, value) => (value instanceof Set ? [...value] : value));
}

/** @param text what {@link saveContexts} made, or undefined where nothing was saved */
export function restoreContexts(text: string | undefined): readonly SavedContext[] {
  if (text === undefined) return [];
  const saved: readonly SavedContext[] = JSON.parse(text);
  return saved.map(({ context, readyIds }) => {
    if (context.type !== "set") return { context, readyIds };
    const elements = context.sum.elements as unknown as readonly SetElement[];
    return { context: { ...context, sum: { elements: new Set(elements) } }, readyIds };
  });
}
