/**
 * One emission of a window: its contexts become ready metrics.
 *
 * Promises: the same window, state and kept parts make the same records with the same ids. It changes nothing
 * by itself: what it returns takes effect when it is settled. If an exception is thrown while a context is merged, wrapped
 * or encoded, only that context becomes a dead letter.
 */
import type { NewRecord, Position } from "@chouette-iot/queue";
import {
  contextKey,
  encodeReadyMetric,
  encodeReadySketch,
  messageOf,
  type ReadyMetric,
  type ReadySketch,
} from "@chouette-iot/record";
import { type Context, sumOf, TOO_LARGE } from "../aggregation/context.js";
import { emissionOf } from "../aggregation/emission-second.js";
import type { GaugeTimes } from "../aggregation/gauge-times.js";
import type { SavedContext } from "../aggregation/saved-contexts.js";
import { Window } from "../aggregation/window.js";
import { flushId } from "../runtime/ready-ids.js";
import type { Wrap, Wrapped } from "../wrappers/wrapper.js";
import { ClaimedSeries, type ReadySeries } from "./claimed-series.js";
import { FinalSecond } from "./final-second.js";

export interface Emitted {
  readonly ready: readonly NewRecord[];
  /** Ready distributions, for their own queue. */
  readonly sketches: readonly NewRecord[];
  /** Ready metrics and sketches of the last second that the new ones replace. */
  readonly superseded: readonly Position[];
  readonly wrapFailures: readonly WrapFailure[];
  /** The contexts of the window's last second, to be kept, as text; undefined if the emission went to an earlier second. */
  readonly finalSecond: string | undefined;
}

export interface WrapFailure {
  readonly context: Context;
  readonly reason: string;
}

/** The state of an emission that is settled in several steps, each of other contexts (steps.ts). */
export interface EmissionSoFar {
  /** How often the window was emitted before. */
  readonly emitted: number;
  readonly claimed: ClaimedSeries;
  /** Number of ready metrics and sketches. */
  made: number;
}

export function newEmission(emitted: number): EmissionSoFar {
  return { emitted, claimed: new ClaimedSeries(), made: 0 };
}

export interface EmissionOptions {
  readonly soFar: EmissionSoFar;
  /** Parts of the window that were read before, in that order. */
  readonly parts: readonly SavedContext[];
  /** The kept contexts of its last second. */
  readonly finalSecond: readonly SavedContext[];
  /** Of the gauges that it has emitted; this emission adds its own. */
  readonly gauges: GaugeTimes;
  readonly wrap: Wrap;
  /** Of its ready metrics and sketches; undefined if they are stored without one. */
  readonly host: string | undefined;
}

/** Emits a window, or one step of it. Claims the series in `soFar`; the caller adds to `made` once they are settled. */
export function emitWindow(
  window: Window,
  { soFar, parts, finalSecond, gauges, wrap, host }: EmissionOptions,
): Emitted {
  const { emitted, made: madeBefore } = soFar;
  const { start, interval } = window;
  const { at, isLast } = emissionOf(start, emitted, interval);
  const { whole, wrapFailures } = joinParts(window, parts);
  const kept = new FinalSecond(isLast ? finalSecond.map((saved) => [contextKey(saved.context), saved]) : []);
  // The kept contexts of the last second include those that earlier steps emitted.
  const claimed = isLast ? new ClaimedSeries() : soFar.claimed;
  for (const { context } of kept.contexts()) claimKept(context, claimed, () => wrap(context, at, interval));
  const ready: NewRecord[] = [];
  const sketches: NewRecord[] = [];
  const superseded: Position[] = [];
  // An id has the window, the emission and a number within it: the same if this emission is repeated after a crash.
  const recordsOf = (values: readonly string[], first: number) =>
    values.map((value, index) => ({ score: at, id: flushId(start, emitted, first + index), value }));
  const emit = (key: string, context: Context) => {
    const before = kept.get(key);
    // A new sum: if it fails, the kept context stays as it was sent.
    const sum = before === undefined ? context : sumOf(before.context, context);
    if (sum === undefined) throw new Error(TOO_LARGE);
    const wrapped = withHost(
      callWrapper(() => wrap(sum, at, interval)),
      host,
    );
    const made = readyOf(key, sum, wrapped, gauges);
    const first = madeBefore + ready.length + sketches.length;
    const newReady = recordsOf(encodedMetrics(made.metrics, sum), first);
    const newSketches = recordsOf(made.sketches.map(encodeReadySketch), first + newReady.length);
    const claim = () => {
      const reason = claimed.claim(seriesOf(made), sum);
      if (reason !== undefined) throw new Error(reason);
    };
    if (isLast) kept.keep(key, { context: sum, readyIds: [...newReady, ...newSketches].map(idOf) }, claim);
    else claim();
    // From here on nothing fails. Pushed one by one, since a call can't have so many arguments.
    for (const record of newReady) ready.push(record);
    for (const record of newSketches) sketches.push(record);
    for (const id of before?.readyIds ?? []) superseded.push({ score: at, id });
    if (sum.type === "gauge" && sum.sum.at !== null) gauges.add(key, sum.sum.at);
  };
  for (const [key, context] of whole.entries()) {
    const failure = tryContext(context, () => emit(key, context));
    if (failure !== undefined) wrapFailures.push(failure);
  }
  return { ready, sketches, superseded, wrapFailures, finalSecond: isLast ? kept.toText() : undefined };
}

/** Merges a window with the parts of it that were read before. Contexts that can't be merged are failures. */
export function joinParts(
  window: Window,
  parts: readonly SavedContext[],
): { readonly whole: Window; readonly wrapFailures: WrapFailure[] } {
  if (parts.length === 0) return { whole: window, wrapFailures: [] };
  const whole = new Window(window);
  const wrapFailures: WrapFailure[] = [];
  for (const context of [...parts.map((saved) => saved.context), ...window.contexts()]) {
    const failure = tryContext(context, () => {
      if (!whole.merge(context)) throw new Error(TOO_LARGE);
    });
    if (failure !== undefined) wrapFailures.push(failure);
  }
  return { whole, wrapFailures };
}

/** Returns whatever the step throws as a failure of this context. */
function tryContext(context: Context, step: () => void): WrapFailure | undefined {
  try {
    step();
    return undefined;
  } catch (error) {
    return { context, reason: messageOf(error) };
  }
}

/** A wrapper may be the user's own code: the reason says that it failed. */
function callWrapper(wrap: () => Wrapped): Wrapped {
  try {
    return wrap();
  } catch (error) {
    return { ok: false, reason: `the wrapper failed: ${messageOf(error)}` };
  }
}

function withHost(wrapped: Wrapped, host: string | undefined): Wrapped {
  if (host === undefined || !wrapped.ok) return wrapped;
  const { metrics, sketches = [] } = wrapped;
  return {
    ...wrapped,
    metrics: metrics.map((metric) => ({ ...metric, host })),
    sketches: sketches.map((sketch) => ({ ...sketch, host })),
  };
}

function idOf({ id }: Position): string {
  return id;
}

/** Claims the series of a kept context first: they were sent already. None if the wrapper fails for it now. */
function claimKept(context: Context, claimed: ClaimedSeries, wrap: () => Wrapped): void {
  const wrapped = callWrapper(wrap);
  if (wrapped.ok) claimed.claim(seriesOf(wrapped), context);
}

interface Ready {
  readonly metrics: readonly ReadyMetric[];
  readonly sketches?: readonly ReadySketch[];
}

/** Leaves out outdated gauges. @throws Error with the reason if the context couldn't be wrapped */
function readyOf(key: string, context: Context, wrapped: Wrapped, gauges: GaugeTimes): Required<Ready> {
  if (!wrapped.ok) throw new Error(wrapped.reason);
  const { metrics, sketches = [] } = wrapped;
  return {
    metrics: isOutdated(key, context, gauges) ? metrics.filter(({ type }) => type !== "gauge") : metrics,
    sketches,
  };
}

/** Whether a later value of this gauge was emitted: this one would be sent for a later second, and seem to be newer. */
function isOutdated(key: string, context: Context, gauges: GaugeTimes): boolean {
  return context.type === "gauge" && context.sum.at !== null && gauges.hasNewer(key, context.sum.at);
}

function seriesOf({ metrics, sketches = [] }: Ready): readonly ReadySeries[] {
  return sketches.length === 0 ? metrics : [...metrics, ...sketches];
}

/** @throws Error if one of them isn't finite, which JSON can't represent */
function encodedMetrics(metrics: readonly ReadyMetric[], { tags }: Context): readonly string[] {
  if (metrics.length === 0) return [];
  // Most wrappers leave the tags unchanged.
  const tagsJson = JSON.stringify(tags);
  return metrics.map((metric) => {
    const value = encodeReadyMetric(metric, metric.tags === tags ? tagsJson : undefined);
    if (value === undefined) throw new Error(notFinite(metric));
    return value;
  });
}

function notFinite({ metric, points }: ReadyMetric): string {
  return `${metric} comes to ${points.map(([, value]) => value).join(", ")}, which JSON can't carry`;
}
