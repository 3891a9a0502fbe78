/**
 * The flush: closed windows of the raw queue become ready metrics.
 *
 * Promises: a raw record is counted in exactly one emission of its window, whatever crashes in between, since
 * what leaves the raw queue, what enters the ready queue and the window's notes change in one settlement.
 * Memory is bounded by the contexts of a window and by a fixed number of records, not by the backlog.
 * It loses nothing: what can't be used is set aside with its reason, what is too old is counted.
 */
import { expire, fateCounter, type QueueNames, type Store } from "@chouette-iot/queue";
import { type Milliseconds, milliseconds, type Seconds, seconds, toSeconds } from "@chouette-iot/record";
import { restoreContexts, saveContexts } from "../aggregation/saved-contexts.js";
import { closedBefore } from "../aggregation/window.js";
import type { Clock } from "../clock.js";
import type { Wrap } from "../wrappers/wrapper.js";
import { emitWindow, joinParts } from "./emission.js";
import { rejectFuture, rejectUnset } from "./misstamped.js";
import { pagesBefore } from "./pages.js";
import { rejectStray } from "./rejections.js";
import { type EmittedWindow, raised, settlementOf } from "./settlement.js";
import { Taken, type TakenWindow, type Unusable } from "./taken.js";
import { type WindowNote, WindowNotes } from "./window-notes.js";

export interface FlusherOptions {
  readonly store: Store;
  readonly queues: QueueNames;
  readonly wrap: Wrap;
  readonly clock: Clock;
  /** The length of a window, in whole seconds. */
  readonly interval: Seconds;
  /** How long after its end a window waits for late records. */
  readonly grace: Seconds;
  /** The age at which a raw record expires. */
  readonly ttl: Seconds;
  /** `["key:value", …]` of every series. */
  readonly globalTags: readonly string[];
  /** A record of an earlier time was stamped by a clock that wasn't set. */
  readonly floor: Seconds;
}

/** Numbers of records. */
export interface Flushed {
  aggregated: number;
  ready: number;
  rejected: number;
  expired: number;
}

/** Complete windows are settled once this many records are held, so that many small windows share a step. */
const SETTLE_AT = 10_000;
/** A window with more records than this is taken in parts. */
const PART_AT = 100_000;
const MOST_STRAYS = 1_000;
/**
 * How long after its start the agent sets records of the future aside: right after a device's start it is more
 * likely that its clock is behind.
 */
const FUTURE_PATIENCE = milliseconds(600_000);

export class Flusher {
  readonly #options: FlusherOptions;
  readonly #notes: WindowNotes;
  readonly #started: Milliseconds;

  constructor(options: FlusherOptions) {
    this.#options = options;
    this.#started = options.clock.monotonic();
    this.#notes = new WindowNotes(options.store, options.queues.rawMetrics);
  }

  /** Emits every window that is closed. Rejects where the store does; the next call takes up what is left. */
  async flush(): Promise<Flushed> {
    const { interval, grace, ttl, store, queues } = this.#options;
    const now = this.#now();
    const flushed = { aggregated: 0, ready: 0, rejected: 0, expired: 0 };
    try {
      if (!this.#notes.isLoaded) await this.#notes.load();
      flushed.rejected += await this.#rejectMisstamped(now);
      flushed.expired = await expire(store, queues.rawMetrics, now - ttl);
      await this.#flushBefore(closedBefore(now, interval, grace), flushed);
      await this.#rejectStrays(flushed);
      await this.#forgetWindows(seconds(now - ttl - interval));
      return flushed;
    } catch (error) {
      // A settlement whose answer was lost may have come into force: what the store says holds.
      this.#notes.forget();
      throw error;
    }
  }

  /** Has the next flush read again what the store says of windows. */
  forget(): void {
    this.#notes.forget();
  }

  async #rejectMisstamped(now: Seconds): Promise<number> {
    const { store, queues, floor, clock } = this.#options;
    const rejected = await rejectUnset({ store, queues, now }, floor);
    if (clock.monotonic() - this.#started < FUTURE_PATIENCE) return rejected;
    return rejected + (await rejectFuture({ store, queues, now }));
  }

  async #flushBefore(boundary: Seconds, flushed: Flushed): Promise<void> {
    const { store, queues } = this.#options;
    const taken = new Taken(this.#options.interval, this.#options.globalTags);
    for (const start of this.#notes.withParts()) taken.window(start);
    // One settlement at a time, under way while the next pages are read and added up.
    let settling = Promise.resolve();
    try {
      for await (const page of pagesBefore(boundary, store, queues.rawMetrics)) {
        for (const record of page) taken.add(record);
        if (taken.held < SETTLE_AT) continue;
        await settling;
        const complete = taken.takeWindows(page.at(-1)?.score);
        settling = this.#settle(complete, taken.takeUnusable(), flushed);
        // Awaited before the next: till then nobody else would hear it fail.
        settling.catch(() => {});
        if (taken.held >= PART_AT) await settling.then(() => this.#setPartsAside(taken));
      }
    } finally {
      await settling;
    }
    await this.#settle(taken.takeWindows(), taken.takeUnusable(), flushed);
  }

  async #settle(
    windows: readonly TakenWindow[],
    unusable: readonly Unusable[],
    flushed: Flushed,
  ): Promise<void> {
    if (windows.length === 0 && unusable.length === 0) return;
    const { store, queues } = this.#options;
    const emitted = await this.#emit(windows);
    await store.settle(settlementOf(emitted, unusable, { queues, notes: this.#notes, at: this.#now() }));
    flushed.rejected += unusable.length;
    for (const { start, note, positions, emitted: emission } of emitted) {
      this.#notes.set(start, note);
      flushed.aggregated += positions.length;
      flushed.ready += emission.ready.length;
      flushed.rejected += emission.unwrappable.length;
    }
  }

  async #emit(windows: readonly TakenWindow[]): Promise<readonly EmittedWindow[]> {
    const { interval, wrap } = this.#options;
    const emissions: EmittedWindow[] = [];
    for (const { window, positions } of windows) {
      const { start } = window;
      const { emitted, hasParts, hasLast } = this.#notes.get(start);
      const parts = hasParts ? await this.#restore(this.#notes.partsKey(start)) : [];
      const last = hasLast ? await this.#restore(this.#notes.lastKey(start)) : [];
      const emission = emitWindow(window, { emitted, parts, last, interval, wrap });
      const note = { emitted: emitted + 1, hasParts: false, hasLast: emission.last !== undefined };
      emissions.push({ start, positions, note, hadParts: hasParts, emitted: emission });
    }
    return emissions;
  }

  /** Windows too large to be held leave the raw queue in parts, which wait in their notes. */
  async #setPartsAside(taken: Taken): Promise<void> {
    const { store, queues } = this.#options;
    for (const { window, positions } of taken.takeWindows()) {
      const { start } = window;
      const key = this.#notes.partsKey(start);
      const before = this.#notes.get(start);
      const { whole, refused } = joinParts(window, before.hasParts ? await this.#restore(key) : []);
      const note: WindowNote = { ...before, hasParts: true };
      const saved = saveContexts(
        // A sum that would be too large is refused again when the window is emitted.
        [...whole.contexts(), ...refused].map((context) => ({ context, readyIds: [] })),
      );
      await store.settle({
        remove: [{ queue: queues.rawMetrics, records: positions }],
        notes: new Map([this.#notes.entry(start, note), [key, saved]]),
        count: raised([[fateCounter(queues.rawMetrics, "aggregated"), positions.length]]),
      });
      this.#notes.set(start, note);
      // Empty, and in its place all the same: its parts are emitted when the reader has passed it.
      taken.window(start);
    }
  }

  async #rejectStrays(flushed: Flushed): Promise<void> {
    const { store, queues } = this.#options;
    const strays = await store.strays(queues.rawMetrics, MOST_STRAYS);
    if (strays.length === 0) return;
    const at = this.#now();
    await store.settle({
      removeStrays: [{ queue: queues.rawMetrics, ids: strays.map(({ id }) => id) }],
      add: [{ queue: queues.rejected, records: strays.map((stray) => rejectStray(stray, queues, at)) }],
      count: raised([
        [fateCounter(queues.rawMetrics, "rejected"), strays.length],
        [fateCounter(queues.rejected, "accepted"), strays.length],
      ]),
    });
    flushed.rejected += strays.length;
  }

  /** Of windows before this time no record can come any more: it would be expired. */
  async #forgetWindows(before: Seconds): Promise<void> {
    const old = this.#notes.olderThan(before);
    if (old.length === 0) return;
    await this.#options.store.settle({ notes: this.#notes.removal(old) });
    this.#notes.drop(old);
  }

  async #restore(key: string) {
    const [text] = await this.#options.store.notes([key]);
    return restoreContexts(text, this.#options.globalTags);
  }

  #now(): Seconds {
    return toSeconds(this.#options.clock.now());
  }
}
