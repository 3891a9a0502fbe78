/**
 * The flush: aggregates the closed windows of the raw queue into ready metrics.
 *
 * Promises: memory is bounded by the contexts of a window and by a fixed number and length of records, not by the backlog.
 * It loses nothing silently: unusable records become dead letters with a reason, expired and filtered ones are counted.
 * For the promises of a settlement, see window-settler.ts.
 */
import { expire, orphanRejection, StoreFullError } from "@chouette-iot/queue";
import { type Seconds, seconds, toSeconds } from "@chouette-iot/record";
import type { SeriesFilter } from "../aggregation/series-filter.js";
import { FutureLimit } from "../runtime/clock.js";
import type { Windows } from "../runtime/windows.js";
import { BacklogThinner, type Thinning } from "./backlog-thinner.js";
import { claimFragments } from "./fragments.js";
import { MAX_LEAD, rejectImplausible, type TimeLimits } from "./implausible-timestamps.js";
import { OpenWindows, type WindowBatch } from "./open-windows.js";
import { pagesBefore } from "./raw-pages.js";
import { fewerContexts, ONE_STEP } from "./step-size.js";
import { inSteps } from "./steps.js";
import {
  type Emissions,
  type Flushed,
  MAX_PART_LENGTH,
  type SettlerOptions,
  WindowSettler,
} from "./window-settler.js";
import { WindowStates } from "./window-states.js";

export type { Flushed };

export interface FlusherOptions extends SettlerOptions {
  readonly windows: Windows;
  /** The age at which a raw record expires. */
  readonly ttl: Seconds;
  /** Which metrics and tags are left out. */
  readonly filter: SeriesFilter;
  /** Records stamped before this time are from a clock that wasn't set. */
  readonly earliestPlausible: Seconds;
  /** How the backlog of ready metrics is thinned after each flush; undefined if it keeps every point. */
  readonly thinning?: Thinning | undefined;
}

/** Complete windows are settled once this many records are held, so that small windows share a settlement. */
const SETTLE_AT = 10_000;
/** Or once the held records have this total length, in characters. */
const SETTLE_AT_LENGTH = 8 * 1024 * 1024;
/** A window with more records, or longer ones than {@link MAX_PART_LENGTH}, is aggregated in parts. */
const PART_AT = 100_000;
const MAX_ORPHANS = 1_000;
/** How long the times of gauges are kept: Datadog ignores older points. */
const GAUGES_KEPT = seconds(3_600);

export class Flusher {
  readonly #options: FlusherOptions;
  readonly #states: WindowStates;
  readonly #settler: WindowSettler;
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
    this.#settler = new WindowSettler(options, this.#states);
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

  /**
   * Discards the windows' state in memory: the next flush reads it from the store again. A running flush settles nothing
   * more.
   */
  forget(): void {
    this.#states.forget();
  }

  async #flushAll(now: Seconds, flushed: Flushed): Promise<void> {
    const { windows, ttl, store, queues } = this.#options;
    if (!this.#states.isLoaded) await this.#load();
    const limits = this.#limits(now);
    flushed.rejected += await rejectImplausible(store, queues, limits, now);
    flushed.expired += await expire(store, queues.rawMetrics, { before: now - ttl });
    await this.#flushBefore(windows.firstOpen(now), limits, flushed);
    flushed.rejected += await this.#rejectOrphans();
    await this.#forgetWindows(now, limits.future);
  }

  async #load(): Promise<void> {
    const { store, queues, globalTags } = this.#options;
    await this.#states.load();
    await claimFragments(store, queues, this.#states, globalTags);
    await this.#thinner?.begin(this.#now());
    this.#hasBegun = true;
  }

  #limits(now: Seconds): TimeLimits {
    const { earliestPlausible, ttl } = this.#options;
    return {
      unset: earliestPlausible,
      earliest: Math.max(earliestPlausible, now - ttl, this.#states.forgottenBefore(now)),
      latest: now + MAX_LEAD,
      future: this.#future.limit(now + MAX_LEAD),
    };
  }

  async #flushBefore(boundary: Seconds, limits: TimeLimits, flushed: Flushed): Promise<void> {
    const { store, queues, globalTags, filter } = this.#options;
    const taken = new OpenWindows(this.#states.grid, limits, globalTags, filter, this.#contextsOfStep);
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
        if (taken.held >= PART_AT || taken.length >= MAX_PART_LENGTH)
          await settling.then(() => this.#takeParts(taken, flushed));
      }
    } finally {
      await settling;
    }
    await this.#settleInSteps(taken.takeBatch(), flushed);
  }

  async #settleInSteps(batch: WindowBatch, flushed: Flushed): Promise<void> {
    if (this.#contextsOfStep === ONE_STEP) return this.#settler.settle(batch, flushed);
    const emissions: Emissions = new Map();
    for (const step of inSteps(batch, this.#contextsOfStep))
      await this.#settler.settle(step, flushed, emissions);
  }

  /**
   * Windows too large for memory leave the raw queue in parts, which are kept in the store until the rest is read; on a full
   * disk, which has no space for them, the parts are emitted.
   */
  async #takeParts(taken: OpenWindows, flushed: Flushed): Promise<void> {
    if (this.#contextsOfStep !== ONE_STEP) return this.#settleInSteps(taken.takeBatch(), flushed);
    for (const window of taken.takeWindows()) {
      if (window.positions.length > 0) await this.#settler.storePart(window, flushed);
      // Now empty, but its parts are to be emitted once the reader has passed the window.
      taken.addWhole(window.window);
    }
  }

  async #rejectOrphans(): Promise<number> {
    const { store, queues } = this.#options;
    const orphans = await store.orphans(queues.rawMetrics, MAX_ORPHANS);
    if (orphans.length === 0) return 0;
    const rejection = { queue: queues.rawMetrics, rejectedQueue: queues.rejected, at: this.#now() };
    await store.settle(orphanRejection(rejection, orphans));
    return orphans.length;
  }

  /** Forgets windows that can get no more records: those would expire, or be rejected as too far in the future. */
  async #forgetWindows(now: Seconds, future: number): Promise<void> {
    const expired = seconds(now - this.#options.ttl);
    const old = this.#states.outside(expired, future);
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

  async #thinBacklog(now: Seconds): Promise<void> {
    try {
      await this.#thinner?.thin(now);
    } catch (error) {
      this.#states.forget();
      // Thinning can wait until there is space.
      if (!(error instanceof StoreFullError)) throw error;
    }
  }

  #now(): Seconds {
    return toSeconds(this.#options.clock.now());
  }
}
