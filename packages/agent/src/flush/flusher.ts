/**
 * The flush: aggregates the closed windows of the raw queue into ready metrics.
 *
 * Promises: each raw record is counted in exactly one emission of its window, even after a crash, since raw records, ready
 * metrics and the window's state change in one settlement.
 * Memory is bounded by the contexts of a window and by a fixed number and length of records, not by the backlog.
 * It loses nothing silently: unusable records become dead letters with a reason, expired and filtered ones are counted.
 */
import {
  counterName,
  expire,
  orphanRejection,
  type QueueNames,
  type Store,
  StoreFullError,
} from "@chouette-iot/queue";
import { type Seconds, seconds, toSeconds } from "@chouette-iot/record";
import { GaugeTimes } from "../aggregation/gauge-times.js";
import { saveContexts } from "../aggregation/saved-contexts.js";
import type { SeriesFilter } from "../aggregation/series-filter.js";
import { type Clock, FutureLimit } from "../runtime/clock.js";
import type { Windows } from "../runtime/windows.js";
import type { Wrap } from "../wrappers/wrapper.js";
import { BacklogThinner, type Thinning } from "./backlog-thinner.js";
import { type EmissionSoFar, emitWindow, joinParts, newEmission } from "./emission.js";
import { claimFragments } from "./fragments.js";
import {
  MAX_LEAD,
  rejectBeforeClockWasSet,
  rejectFuture,
  type TimeLimits,
} from "./implausible-timestamps.js";
import { KeptContexts } from "./kept-contexts.js";
import { type OpenWindow, OpenWindows, type WindowBatch } from "./open-windows.js";
import { pagesBefore } from "./raw-pages.js";
import { rejectContext } from "./rejections.js";
import { type EmittedWindow, increments, settlementOf } from "./settlement.js";
import { fewerContexts, ONE_STEP } from "./step-size.js";
import { inSteps } from "./steps.js";
import { type WindowState, WindowStates } from "./window-state.js";

export interface FlusherOptions {
  readonly store: Store;
  readonly queues: QueueNames;
  readonly wrap: Wrap;
  readonly clock: Clock;
  readonly windows: Windows;
  /** The age at which a raw record expires. */
  readonly ttl: Seconds;
  /** `["key:value", …]` of every series. */
  readonly globalTags: readonly string[];
  /** Which metrics and tags are left out. */
  readonly filter: SeriesFilter;
  /** Earliest plausible time: records stamped before it are from a clock that wasn't set. */
  readonly floor: Seconds;
  /** How the backlog of ready metrics is thinned after each flush; undefined if it keeps every point. */
  readonly thinning?: Thinning | undefined;
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

/** Complete windows are settled once this many records are held, so that small windows share a settlement. */
const SETTLE_AT = 10_000;
/** Or once the held records have this total length, in characters. */
const SETTLE_AT_LENGTH = 8 * 1024 * 1024;
/** A window with more or longer records is aggregated in parts. */
const PART_AT = 100_000;
const PART_AT_LENGTH = 16 * 1024 * 1024;
const MAX_ORPHANS = 1_000;

/** By the window's start. */
type Emissions = Map<Seconds, EmissionSoFar>;

/** How long the times of gauges are kept: Datadog ignores older points. */
const GAUGES_KEPT = seconds(3_600);

export class Flusher {
  readonly #options: FlusherOptions;
  readonly #states: WindowStates;
  readonly #future: FutureLimit;
  readonly #thinner: BacklogThinner | undefined;
  #hasBegun = false;
  /** Contexts per settlement: all of them, unless the store's disk was too full for that. */
  #contextsOfStep = ONE_STEP;

  constructor(options: FlusherOptions) {
    const { store, queues, windows, clock, thinning } = options;
    this.#options = options;
    this.#future = new FutureLimit(clock);
    this.#states = new WindowStates(store, queues.rawMetrics, windows);
    if (thinning === undefined) return;
    const queue = queues.readyMetrics;
    this.#thinner = new BacklogThinner({ ...thinning, store, queue, states: this.#states });
  }

  /**
   * Whether ready metrics that another agent left in the queue have been recorded in the windows' state: until then, ready
   * metrics may not be sent.
   */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Emits every closed window. Rejects if the store does; the next call continues with the rest. */
  async flush(): Promise<Flushed> {
    const now = this.#now();
    const flushed = { aggregated: 0, ready: 0, rejected: 0, expired: 0, filtered: 0 };
    for (;;) {
      try {
        await this.#flushAll(now, flushed);
        this.#contextsOfStep = ONE_STEP;
        break;
      } catch (error) {
        // A settlement whose answer was lost may have been applied: read the state from the store again.
        this.#states.forget();
        const fewer = error instanceof StoreFullError ? fewerContexts(this.#contextsOfStep) : undefined;
        if (fewer === undefined) throw error;
        this.#contextsOfStep = fewer;
      }
    }
    await this.#thinBacklog(now);
    return flushed;
  }

  async #thinBacklog(now: Seconds): Promise<void> {
    try {
      await this.#thinner?.thin(now);
    } catch (error) {
      this.#states.forget();
      // Thinning can wait until there is space.
      if (!(error instanceof StoreFullError)) throw error;
    }
  }

  async #flushAll(now: Seconds, flushed: Flushed): Promise<void> {
    const { windows, ttl, store, queues } = this.#options;
    if (!this.#states.isLoaded) await this.#load();
    flushed.rejected += await this.#rejectImplausible(now);
    flushed.expired += await expire(store, queues.rawMetrics, { before: now - ttl });
    await this.#flushBefore(windows.firstOpen(now), now, flushed);
    await this.#rejectOrphans(flushed);
    await this.#forgetWindows(now);
  }

  /**
   * Discards the windows' state in memory: the next flush reads it from the store again. A running flush settles nothing
   * more.
   */
  forget(): void {
    this.#states.forget();
  }

  async #load(): Promise<void> {
    const { store, queues, globalTags } = this.#options;
    await this.#states.load();
    await claimFragments(store, queues, this.#states, globalTags);
    await this.#thinner?.begin(this.#now());
    this.#hasBegun = true;
  }

  async #rejectImplausible(now: Seconds): Promise<number> {
    const { store, queues, floor } = this.#options;
    const rejected = await rejectBeforeClockWasSet({ store, queues, now }, floor);
    return rejected + (await rejectFuture({ store, queues, now }, this.#future.limit(now + MAX_LEAD)));
  }

  #limits(now: Seconds): TimeLimits {
    const { floor, ttl } = this.#options;
    return {
      unset: floor,
      earliest: Math.max(floor, now - ttl, this.#states.forgottenBefore(now)),
      latest: now + MAX_LEAD,
      future: this.#future.limit(now + MAX_LEAD),
    };
  }

  async #flushBefore(boundary: Seconds, now: Seconds, flushed: Flushed): Promise<void> {
    const { store, queues, globalTags, filter } = this.#options;
    const taken = new OpenWindows(
      this.#states.grid,
      this.#limits(now),
      globalTags,
      filter,
      this.#contextsOfStep,
    );
    for (const window of this.#states.withParts()) taken.addWhole(window);
    // One settlement at a time runs while the next pages are read and aggregated.
    let settling = Promise.resolve();
    try {
      for await (const page of pagesBefore(boundary, store, queues.rawMetrics)) {
        for (const record of page) taken.add(record);
        if (taken.held < SETTLE_AT && taken.length < SETTLE_AT_LENGTH) continue;
        await settling;
        settling = this.#settleInSteps(taken.takeBatch(page.at(-1)?.score), flushed);
        // It is awaited before the next one; until then a rejection would count as unhandled.
        settling.catch(() => {});
        if (taken.held >= PART_AT || taken.length >= PART_AT_LENGTH)
          await settling.then(() => this.#takeParts(taken, flushed));
      }
    } finally {
      await settling;
    }
    await this.#settleInSteps(taken.takeBatch(), flushed);
  }

  async #settleInSteps(batch: WindowBatch, flushed: Flushed): Promise<void> {
    if (this.#contextsOfStep === ONE_STEP) return this.#settle(batch, flushed);
    const emissions: Emissions = new Map();
    for (const step of inSteps(batch, this.#contextsOfStep)) await this.#settle(step, flushed, emissions);
  }

  /** @param emissions of windows that an earlier step settled a part of */
  async #settle(batch: WindowBatch, flushed: Flushed, emissions?: Emissions): Promise<void> {
    const { unusable, expired, filtered } = batch;
    if (batch.windows.length + unusable.length + expired.length + filtered.length === 0) return;
    const { queues } = this.#options;
    const windows = await this.#emit(batch.windows, emissions);
    const options = { queues, states: this.#states, at: this.#now() };
    await this.#options.store.settle(settlementOf({ ...batch, windows }, options));
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
    const { queues, wrap, hostName } = this.#options;
    const kept = await KeptContexts.read(
      this.#options,
      windows.flatMap(({ window }) => this.#keysOf(window, this.#states.get(window))),
    );
    const at = this.#now();
    return windows.map(({ window, positions }) => {
      const { start } = window;
      const { interval, emitted, ready, hasParts, host = hostName?.() } = this.#states.get(window);
      const soFar = emissions?.get(start) ?? newEmission(emitted);
      emissions?.set(start, soFar);
      const gauges = new GaugeTimes(window, kept.text(this.#states.gaugesKey(start)));
      const parts = kept.contexts(this.#states.partsKey(start), start);
      const last = kept.contexts(this.#states.finalSecondKey(start), start);
      const emission = emitWindow(window, { soFar, parts, last, gauges, wrap, host });
      const gaugesText = gauges.toText();
      const state = {
        interval,
        // Raised by the first step already: if a later step fails, its contexts go to the next second.
        emitted: soFar.emitted + 1,
        ready: ready === undefined ? undefined : ready + emission.ready.length + emission.sketches.length,
        hasParts: false,
        hasFinalSecond: emission.last !== undefined,
        hasGauges: gaugesText !== undefined,
        host,
      };
      const unreadable = kept.takeUnreadable(queues, at);
      return {
        window,
        positions,
        state,
        hadParts: hasParts,
        emitted: emission,
        gauges: gaugesText,
        unreadable,
      };
    });
  }

  /** The keys of what the store keeps for a window besides its state. */
  #keysOf(
    { start }: OpenWindow["window"],
    { hasParts, hasFinalSecond, hasGauges }: WindowState,
  ): readonly string[] {
    return [
      ...(hasParts ? [this.#states.partsKey(start)] : []),
      ...(hasFinalSecond ? [this.#states.finalSecondKey(start)] : []),
      ...(hasGauges ? [this.#states.gaugesKey(start)] : []),
    ];
  }

  /**
   * Windows too large for memory leave the raw queue in parts, which are kept in the store until the rest is read; on a full
   * disk, which has no space for them, the parts are emitted.
   */
  async #takeParts(taken: OpenWindows, flushed: Flushed): Promise<void> {
    if (this.#contextsOfStep !== ONE_STEP) return this.#settleInSteps(taken.takeBatch(), flushed);
    for (const window of taken.takeWindows()) {
      if (window.positions.length > 0) await this.#storePart(window, flushed);
      // Now empty, but its parts are to be emitted once the reader has passed the window.
      taken.addWhole(window.window);
    }
  }

  async #storePart(part: OpenWindow, flushed: Flushed): Promise<void> {
    const { queues } = this.#options;
    const { window, positions } = part;
    const { start } = window;
    const key = this.#states.partsKey(start);
    const before = this.#states.get(window);
    const kept = await KeptContexts.read(this.#options, before.hasParts ? [key] : []);
    const { whole, wrapFailures } = joinParts(window, kept.contexts(key, start));
    const saved = saveContexts([...whole.contexts()].map((context) => ({ context, readyIds: [] })));
    // Sets and histograms grow with their records: a part too large to be kept is emitted.
    if (saved.length > PART_AT_LENGTH)
      return this.#settle({ windows: [part], unusable: [], expired: [], filtered: [] }, flushed);
    const at = this.#now();
    const deadLetters = [
      ...wrapFailures.flatMap((entry) => rejectContext(entry, start, queues, at)),
      ...kept.takeUnreadable(queues, at),
    ];
    const state: WindowState = { ...before, hasParts: true };
    await this.#options.store.settle({
      onlyWhile: this.#states.expected([start]),
      remove: [
        {
          queue: queues.rawMetrics,
          records: positions,
          counter: counterName(queues.rawMetrics, "aggregated"),
        },
      ],
      add: [{ queue: queues.rejected, records: deadLetters }],
      state: new Map([this.#states.entry(start, state), [key, saved]]),
      count: increments([[counterName(queues.rejected, "accepted"), deadLetters.length]]),
    });
    this.#states.set(start, state);
    flushed.aggregated += positions.length;
    flushed.rejected += wrapFailures.length;
  }

  async #rejectOrphans(flushed: Flushed): Promise<void> {
    const { store, queues } = this.#options;
    const orphans = await store.orphans(queues.rawMetrics, MAX_ORPHANS);
    if (orphans.length === 0) return;
    const rejection = { queue: queues.rawMetrics, rejectedQueue: queues.rejected, at: this.#now() };
    await store.settle(orphanRejection(rejection, orphans));
    flushed.rejected += orphans.length;
  }

  /** Forgets windows that can get no more records: those would expire, or be rejected as too far in the future. */
  async #forgetWindows(now: Seconds): Promise<void> {
    const expired = seconds(now - this.#options.ttl);
    const old = this.#states.outside(expired, this.#future.limit(now + MAX_LEAD));
    const withGauges = this.#states.withGaugesBefore(now - GAUGES_KEPT);
    if (old.length + withGauges.length === 0) return;
    const thinner = withGauges.map(
      (window) => [window.start, { ...this.#states.get(window), hasGauges: false }] as const,
    );
    await this.#options.store.settle({
      onlyWhile: this.#states.expected([...old, ...withGauges].map(({ start }) => start)),
      state: new Map([
        ...thinner.flatMap(([start, state]) => [
          this.#states.entry(start, state),
          [this.#states.gaugesKey(start), undefined] as const,
        ]),
        ...this.#states.removal(old, expired, now),
      ]),
    });
    for (const [start, state] of thinner) this.#states.set(start, state);
    this.#states.drop(old, expired, now);
  }

  #now(): Seconds {
    return toSeconds(this.#options.clock.now());
  }
}
