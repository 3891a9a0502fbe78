/**
 * One window's emission: its contexts become ready metrics, and its notes say so.
 *
 * Promises: the same window, notes and kept parts give the same records under the same ids. It changes nothing
 * by itself: what it answers takes effect when it is settled.
 */

import type { NewRecord, Position } from "@chouette-iot/queue";
import { contextKey, encodeReadyMetric, type ReadyMetric, type Seconds } from "@chouette-iot/record";
import { type Context, mergeContext, newContext, TOO_LARGE } from "../aggregation/context.js";
import { emissionOf } from "../aggregation/emission.js";
import type { SavedContext } from "../aggregation/saved-contexts.js";
import { Window } from "../aggregation/window.js";
import type { Wrap, Wrapped } from "../wrappers/wrapper.js";
import { ClaimedSeries } from "./claimed-series.js";

export interface Emitted {
  readonly ready: readonly NewRecord[];
  /** Ready metrics of the last second whose place the new ones take. */
  readonly superseded: readonly Position[];
  readonly unwrappable: readonly Unwrappable[];
  /** What is to be kept of the window's last second; undefined where the emission went to an earlier one. */
  readonly last: readonly SavedContext[] | undefined;
}

export interface Unwrappable {
  readonly context: Context;
  readonly reason: string;
}

export interface EmissionOptions {
  /** How often the window was emitted before. */
  readonly emitted: number;
  /** Parts of the window that were taken before, in the order in which they were. */
  readonly parts: readonly SavedContext[];
  /** What is kept of its last second. */
  readonly last: readonly SavedContext[];
  readonly interval: Seconds;
  readonly wrap: Wrap;
}

export function emitWindow(
  window: Window,
  { emitted, parts, last, interval, wrap }: EmissionOptions,
): Emitted {
  const { at, isLast } = emissionOf(window.start, emitted, interval);
  const { whole, refused } = joinParts(window, parts);
  const earlier = new Map(isLast ? last.map((saved) => [contextKey(saved.context), saved]) : []);
  const kept = new Map(earlier);
  const claimed = new ClaimedSeries();
  for (const { context } of earlier.values()) {
    const wrapped = safely(wrap, context, at, interval);
    if (wrapped.ok) claimed.claim(wrapped.metrics, context);
  }
  const ready: NewRecord[] = [];
  const superseded: Position[] = [];
  const unwrappable: Unwrappable[] = refused.map((context) => ({ context, reason: TOO_LARGE }));
  for (const context of whole.contexts()) {
    const key = contextKey(context);
    const before = earlier.get(key);
    // A sum of its own: if it fails, what is kept of the last second stays as it was sent.
    const sum = before === undefined ? context : sumOf(before.context, context);
    const wrapped: Wrapped =
      sum === undefined ? { ok: false, reason: TOO_LARGE } : safely(wrap, sum, at, interval);
    const encoded = encodeAll(wrapped);
    const reason = encoded.ok ? claimed.claim(encoded.metrics, context) : encoded.reason;
    if (sum === undefined || !encoded.ok || reason !== undefined) {
      unwrappable.push({ context, reason: reason ?? TOO_LARGE });
      continue;
    }
    const first = ready.length;
    // The window, the emission and a count within it: the same whenever this emission is made again.
    for (const value of encoded.values) {
      ready.push({ score: at, id: `${window.start}.${emitted}.${ready.length}`, value });
    }
    for (const id of before?.readyIds ?? []) superseded.push({ score: at, id });
    if (isLast) kept.set(key, { context: sum, readyIds: ready.slice(first).map(({ id }) => id) });
  }
  return { ready, superseded, unwrappable, last: isLast ? [...kept.values()] : undefined };
}

/** A window with the parts of it that were taken before, and those of them that its sums can't hold. */
export function joinParts(
  window: Window,
  parts: readonly SavedContext[],
): { readonly whole: Window; readonly refused: readonly Context[] } {
  if (parts.length === 0) return { whole: window, refused: [] };
  const whole = new Window(window.start);
  const all = [...parts.map(({ context }) => context), ...window.contexts()];
  return { whole, refused: all.filter((context) => !whole.merge(context)) };
}

/** Both together; undefined if the sum isn't finite. Neither of the two is changed. */
function sumOf(first: Context, second: Context): Context | undefined {
  const sum = newContext(first);
  return mergeContext(sum, first) && mergeContext(sum, second) ? sum : undefined;
}

/** A wrapper may be the user's own: what it throws is the context's misfortune, not the agent's. */
function safely(wrap: Wrap, context: Context, at: Seconds, interval: Seconds): Wrapped {
  try {
    return wrap(context, at, interval);
  } catch (error) {
    return {
      ok: false,
      reason: `the wrapper failed: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}

type Encoded =
  | { readonly ok: true; readonly metrics: readonly ReadyMetric[]; readonly values: readonly string[] }
  | { readonly ok: false; readonly reason: string };

function encodeAll(wrapped: Wrapped): Encoded {
  if (!wrapped.ok) return wrapped;
  const values: string[] = [];
  for (const metric of wrapped.metrics) {
    const value = encodeReadyMetric(metric);
    if (value === undefined) return { ok: false, reason: notFinite(metric) };
    values.push(value);
  }
  return { ...wrapped, values };
}

function notFinite({ metric, points }: ReadyMetric): string {
  return `${metric} comes to ${points.map(([, value]) => value).join(", ")}, which JSON can't carry`;
}
