/**
 * Contexts as JSON, for those kept in the store: of parts of windows that aren't emitted yet, and of last seconds.
 */
import {
  addToSketch,
  canonicalTags,
  type DistinctElement,
  messageOf,
  metricName,
  newSketch,
  type Result,
  type Seconds,
  seconds,
  type Tags,
  tagList,
} from "@chouette-iot/record";
import { type Context, newContext } from "./context.js";

export interface SavedContext {
  readonly context: Context;
  /** The ids of the ready metrics made from it; empty if it wasn't emitted yet. */
  readonly readyIds: readonly string[];
}

/** An element of a set in JSON: an integer that a double can't represent is an object with its digits. */
type SavedElement = Exclude<DistinctElement, bigint> | { readonly digits: string };

export function saveContexts(saved: Iterable<SavedContext>): string {
  return `[${Array.from(saved, saveContext).join(",")}]`;
}

/** One element of the list that {@link saveContexts} writes. */
export function saveContext(saved: SavedContext): string {
  return JSON.stringify(saved, (_key, value) => {
    if (value instanceof Set) return saveElements(value);
    return value instanceof Map ? [...value].flat() : value;
  });
}

/**
 * @param text from {@link saveContexts}, or whatever another program wrote there; undefined if nothing was saved
 * @param globalTags for contexts that an earlier version saved without them; the others keep their tags
 * @returns the contexts, or why the text has none or damaged ones
 */
export function restoreContexts(
  text: string | undefined,
  globalTags: readonly string[],
): Result<readonly SavedContext[]> {
  if (text === undefined) return { ok: true, value: [] };
  try {
    const saved: readonly SavedContext[] = JSON.parse(text);
    const value = saved.map(({ context, readyIds }) => ({
      context: restoreContext(context, globalTags),
      readyIds: [...readyIds],
    }));
    return { ok: true, value };
  } catch (error) {
    return { ok: false, reason: messageOf(error) };
  }
}

/** @throws Error if it isn't a context */
function restoreContext(context: Context, globalTags: readonly string[]): Context {
  // An earlier version saved tags as an object, and names without normalizing them.
  const tags: readonly string[] | Tags = context.tags;
  const complete = isList(tags) ? canonicalTags(tags) : canonicalTags(tagList(tags), globalTags);
  const named = { metric: metricName(context.metric), tags: complete };
  const nothing = newContext({ ...context, ...named });
  const saved = savedSum(context);
  const fields = Object.entries(nothing.sum).map(([field, initial]) => [
    field,
    restoreField(initial, saved[field]),
  ]);
  return { ...nothing, sum: Object.fromEntries(fields) };
}

/** Earlier versions saved histograms without weights, and the samples of distributions. @throws Error */
function savedSum({ type, sum }: Context): Readonly<Record<string, unknown>> {
  const saved: Readonly<Record<string, unknown>> = { ...sum };
  if (type === "histogram") return { weighted: [], ...saved };
  if (type !== "distribution" || !Array.isArray(saved.samples)) return saved;
  const sketch = newSketch();
  for (const sample of saved.samples) {
    if (!Number.isFinite(sample) || !addToSketch(sketch, sample)) throw new Error("a sum in it isn't whole");
  }
  return { ...sketch, bins: [...sketch.bins].flat() };
}

/**
 * @param initial the field's value in an empty sum, which determines its type
 * @throws Error if the value is of another type: in JSON, an infinite sum becomes null
 */
function restoreField(initial: unknown, value: unknown): unknown {
  if (initial instanceof Map && Array.isArray(value) && value.every(Number.isInteger)) return pairsOf(value);
  if (initial instanceof Set && Array.isArray(value)) return new Set(value.map(restoreElement));
  if (Array.isArray(initial) && Array.isArray(value) && value.every(Number.isFinite)) return value;
  // The minimum or maximum of an empty sum is infinite, so it was saved as null.
  if (typeof initial === "number" && !Number.isFinite(initial) && value === null) return initial;
  if (typeof initial === "number" && Number.isFinite(value)) return value;
  if (initial === null && (value === null || Number.isFinite(value))) return value;
  throw new Error("a sum in it isn't whole");
}

function pairsOf(flat: readonly number[]): Map<number, number> {
  const pairs = new Map<number, number>();
  for (let at = 0; at + 1 < flat.length; at += 2) pairs.set(flat[at] ?? 0, flat[at + 1] ?? 0);
  return pairs;
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
 * The saved contexts with all times shifted.
 *
 * @param text from {@link saveContexts}
 * @param by how much to add to each time
 * @param shiftedId maps the id of a ready metric to its id after the shift
 */
export function shiftContexts(text: string, by: Seconds, shiftedId: (id: string) => string): string {
  const restored = restoreContexts(text, []);
  // It becomes a dead letter when its window is emitted.
  if (!restored.ok) return text;
  return saveContexts(
    restored.value.map(({ context, readyIds }) => ({
      context: shiftedContext(context, by),
      readyIds: readyIds.map(shiftedId),
    })),
  );
}

/** Only the sums of gauges contain a time. */
function shiftedContext(context: Context, by: Seconds): Context {
  if (context.type !== "gauge" || context.sum.at === null) return context;
  return { ...context, sum: { ...context.sum, at: seconds(context.sum.at + by) } };
}
