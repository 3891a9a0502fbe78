/**
 * Settles closed windows: emits them, or keeps a part of a window that is too large for memory in the store.
 *
 * Promises: raw records, ready metrics and the windows' state change in one settlement, so that each raw record is counted
 * in exactly one emission of its window.
 */
import { counterName, type QueueNames, type Store } from "@chouette-iot/queue";
import { type Seconds, toSeconds } from "@chouette-iot/record";
import { GaugeTimes } from "../aggregation/gauge-times.js";
import { saveContexts } from "../aggregation/saved-contexts.js";
import type { Clock } from "../runtime/clock.js";
import type { Wrap } from "../wrappers/wrapper.js";
import { type EmissionSoFar, emitWindow, joinParts, newEmission } from "./emission.js";
import { KeptContexts } from "./kept-contexts.js";
import type { OpenWindow, WindowBatch } from "./open-windows.js";
import { rejectContext } from "./rejections.js";
import { type EmittedWindow, increments, settlementOf } from "./settlement.js";
import type { WindowState } from "./window-state.js";
import type { WindowStates } from "./window-states.js";

export interface SettlerOptions {
  readonly store: Store;
  readonly queues: QueueNames;
  readonly wrap: Wrap;
  readonly clock: Clock;
  /** `["key:value", …]` of every series. */
  readonly globalTags: readonly string[];
  /**
   * The host that ready metrics are stored with, so that agents with other hosts send them as the same series; undefined if
   * the agent that sends them adds its own.
   */
  readonly hostName?: (() => string) | undefined;
}

/** Numbers of records. */
export interface Flushed {
  aggregated: number;
  ready: number;
  rejected: number;
  expired: number;
  filtered: number;
}

/** By the window's start. */
export type Emissions = Map<Seconds, EmissionSoFar>;

/** Of the text of a part, in characters: a longer one is emitted instead of kept. */
export const MAX_PART_LENGTH = 16 * 1024 * 1024;

export class WindowSettler {
  readonly #options: SettlerOptions;
  readonly #states: WindowStates;

  constructor(options: SettlerOptions, states: WindowStates) {
    this.#options = options;
    this.#states = states;
  }

  /** Emits the windows, and counts in `flushed`. @param emissions of windows that an earlier step settled a part of */
  async settle(batch: WindowBatch, flushed: Flushed, emissions?: Emissions): Promise<void> {
    const { unusable, expired, filtered } = batch;
    if (batch.windows.length + unusable.length + expired.length + filtered.length === 0) return;
    const { store, queues } = this.#options;
    const windows = await this.#emit(batch.windows, emissions);
    await store.settle(settlementOf(windows, batch, queues, this.#states, this.#now()));
    flushed.rejected += unusable.length;
    flushed.expired += expired.length;
    flushed.filtered += filtered.length;
    for (const { window, state, positions, emitted } of windows) {
      this.#states.set(window.start, state);
      const made = emitted.ready.length + emitted.sketches.length;
      const emission = emissions?.get(window.start);
      if (emission !== undefined) emission.made += made;
      flushed.aggregated += positions.length;
      flushed.ready += made;
      flushed.rejected += emitted.wrapFailures.length;
    }
  }

  async #emit(windows: readonly OpenWindow[], emissions?: Emissions): Promise<readonly EmittedWindow[]> {
    const keys = windows.flatMap(({ window }) => this.#states.keptKeys(window));
    const kept = await KeptContexts.read(this.#options, keys);
    return windows.map((open) => this.#emitOne(open, kept, emissions));
  }

  #emitOne({ window, positions }: OpenWindow, kept: KeptContexts, emissions?: Emissions): EmittedWindow {
    const { queues, wrap, hostName } = this.#options;
    const { start } = window;
    const {
      interval,
      emitted: before,
      ready,
      hasParts: hadParts,
      host = hostName?.(),
    } = this.#states.get(window);
    const soFar = emissions?.get(start) ?? newEmission(before);
    emissions?.set(start, soFar);
    const gaugeTimes = new GaugeTimes(window, kept.text(this.#states.gaugesKey(start)));
    const parts = kept.contexts(this.#states.partsKey(start), start);
    const finalSecond = kept.contexts(this.#states.finalSecondKey(start), start);
    const emitted = emitWindow(window, { soFar, parts, finalSecond, gauges: gaugeTimes, wrap, host });
    const gauges = gaugeTimes.toText();
    const state: WindowState = {
      interval,
      // Raised by the first step already: if a later step fails, its contexts go to the next second.
      emitted: soFar.emitted + 1,
      ready: ready === undefined ? undefined : ready + emitted.ready.length + emitted.sketches.length,
      hasParts: false,
      hasFinalSecond: emitted.finalSecond !== undefined,
      hasGauges: gauges !== undefined,
      host,
    };
    const unreadable = kept.takeUnreadable(queues, this.#now());
    return { window, positions, state, hadParts, emitted, gauges, unreadable };
  }

  /** Removes the part's raw records, and keeps their contexts until the rest of the window is read. Counts in `flushed`. */
  async storePart(part: OpenWindow, flushed: Flushed): Promise<void> {
    const { queues } = this.#options;
    const { window, positions } = part;
    const { start } = window;
    const key = this.#states.partsKey(start);
    const before = this.#states.get(window);
    const kept = await KeptContexts.read(this.#options, before.hasParts ? [key] : []);
    const { whole, wrapFailures } = joinParts(window, kept.contexts(key, start));
    const saved = saveContexts([...whole.contexts()].map((context) => ({ context, readyIds: [] })));
    // Sets and histograms grow with their records.
    if (saved.length > MAX_PART_LENGTH)
      return this.settle({ windows: [part], unusable: [], expired: [], filtered: [] }, flushed);
    const at = this.#now();
    const deadLetters = [
      ...wrapFailures.flatMap((entry) => rejectContext(entry, start, queues, at)),
      ...kept.takeUnreadable(queues, at),
    ];
    const state: WindowState = { ...before, hasParts: true };
    const { rawMetrics: queue, rejected } = queues;
    await this.#options.store.settle({
      onlyWhile: this.#states.expected([start]),
      remove: [{ queue, records: positions, counter: counterName(queue, "aggregated") }],
      add: [{ queue: rejected, records: deadLetters }],
      state: new Map([this.#states.entry(start, state), [key, saved]]),
      count: increments([[counterName(rejected, "accepted"), deadLetters.length]]),
    });
    this.#states.set(start, state);
    flushed.aggregated += positions.length;
    flushed.rejected += wrapFailures.length;
  }

  #now(): Seconds {
    return toSeconds(this.#options.clock.now());
  }
}
