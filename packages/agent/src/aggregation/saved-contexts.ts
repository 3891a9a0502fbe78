/**
 * Contexts as text, for those that wait in the store: a part of a window for the rest, a last second for more.
 */
import {
  addToSketch,
  canonicalTags,
  type DistinctElement,
  messageOf,
  metricName,
  newSketch,
  type Seconds,
  seconds,
  type Tags,
  tagList,
} from "@chouette-iot/record";
import { type Context, newContext } from "./context.js";

export interface SavedContext {
  readonly context: Context;
  /** The ids of the ready metrics that it became; none if it wasn't emitted yet. */
  readonly readyIds: readonly string[];
}

/** The elements of a set in JSON: a whole number that a double can't hold is an object with its digits. */
type SavedElement = Exclude<DistinctElement, bigint> | { readonly digits: string };

export function saveContexts(saved: Iterable<SavedContext>): string {
  return `[${Array.from(saved, saveContext).join(",")}]`;
}

/** A part of what {@link saveContexts} makes. */
export function saveContext(saved: SavedContext): string {
  return JSON.stringify(saved, (_key, value) => {
    if (value instanceof Set) return saveElements(value);
    return value instanceof Map ? [...value].flat() : value;
  });
}

export type Restored =
  | { readonly ok: true; readonly saved: readonly SavedContext[] }
  /** It isn't what {@link saveContexts} makes, or its sums aren't whole. */
  | { readonly ok: false; readonly reason: string };

/**
 * @param text what {@link saveContexts} made, undefined if nothing was saved, or what somebody else wrote there
 * @param globalTags for those that an earlier version saved without them; any others keep the tags that they have
 */
export function restoreContexts(text: string | undefined, globalTags: readonly string[]): Restored {
  if (text === undefined) return { ok: true, saved: [] };
  try {
    const saved: readonly SavedContext[] = JSON.parse(text);
    return {
      ok: true,
      saved: saved.map(({ context, readyIds }) => ({
        context: restoreContext(context, globalTags),
        readyIds: [...readyIds],
      })),
    };
  } catch (error) {
    return { ok: false, reason: messageOf(error) };
  }
}

/** @throws Error if it is none */
function restoreContext(context: Context, globalTags: readonly string[]): Context {
  // An earlier version saved tags by name, and names as they were given.
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

/** What an earlier version saved had no weights, and of a distribution its samples. @throws Error */
function savedSum({ type, sum }: Context): Readonly<Record<string, unknown>> {
  const saved: Readonly<Record<string, unknown>> = { ...sum };
  if (type === "histogram") return { weighted: [], ...saved };
  if (type !== "distribution" || !Array.isArray(saved["samples"])) return saved;
  const sketch = newSketch();
  for (const sample of saved["samples"]) {
    if (!Number.isFinite(sample) || !addToSketch(sketch, sample)) throw new Error("a sum in it isn't whole");
  }
  return { ...sketch, bins: [...sketch.bins].flat() };
}

/**
 * @param initial what the field is in a sum of nothing, which says what it may be
 * @throws Error if it is something else: JSON makes null of a sum that was infinite
 */
function restoreField(initial: unknown, value: unknown): unknown {
  if (initial instanceof Map && Array.isArray(value) && value.every(Number.isInteger)) return pairsOf(value);
  if (initial instanceof Set && Array.isArray(value)) return new Set(value.map(restoreElement));
  if (Array.isArray(initial) && Array.isArray(value) && value.every(Number.isFinite)) return value;
  // The minimum and maximum of no samples.
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
 * The same, of a time that is later by so much.
 *
 * @param text what {@link saveContexts} made
 * @param shiftedId the new id of a ready metric that they became
 */
export function shiftContexts(text: string, by: Seconds, shiftedId: (id: string) => string): string {
  const restored = restoreContexts(text, []);
  // It becomes a dead letter when its window is emitted.
  if (!restored.ok) return text;
  return saveContexts(
    restored.saved.map(({ context, readyIds }) => ({
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
