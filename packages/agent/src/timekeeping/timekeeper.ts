/**
 * The timekeeper: knows whether the device's clock can be trusted, and puts right what was stamped while it couldn't.
 *
 * A device without a clock battery starts in 1970, or in the time of its last shutdown, and is set when its link
 * comes up. The clock is then seen to jump against the time since boot. All that was stamped since the boot was
 * stamped by the wrong clock, and is moved by the jump.
 *
 * Promises: until the clock is past a floor and everything is moved that has to be, nothing is flushed and nothing is
 * dispatched. Nobody else goes by a jump before it is dealt with: {@link Timekeeper.now} runs evenly from one check to
 * the next. A jump is noticed once, also if it came while the agent was down in the same boot. A shift once planned is
 * finished before the next is planned. It loses nothing.
 * What it can't put right: what was sent before the jump was known, with what waits of a window that was sent in part,
 * and what earlier boots stamped. After the clock was set back, times come again that were there before: what is stored
 * with one of them before the shift is done is moved as well. A batch that arrived and whose answer was lost is moved as
 * if it had not been sent. A machine that was paused by its hypervisor, and whose uptime didn't count that, looks like one
 * whose clock was wrong before.
 */
import { randomBytes } from "node:crypto";
import type { QueueNames, Settlement, Store } from "@chouette-iot/queue";
import { type Milliseconds, type Seconds, seconds, toMilliseconds, toSeconds } from "@chouette-iot/record";
import { type Shift, shiftWindows } from "../flush/shifted-windows.js";
import { CLOCK_FLOOR, type Clock } from "../runtime/clock.js";
import type { Log } from "../runtime/log.js";
import type { Windows } from "../runtime/windows.js";
import type { Boot } from "./boot.js";
import {
  CLOCK_STATE,
  type ClockShift,
  type ClockState,
  decodeClockState,
  encodeClockState,
  type ShiftProgress,
  type TimeRange,
} from "./clock-shift.js";
import type { QueueLocks } from "./queue-locks.js";
import { shiftedPages, type TimedQueue, timedQueues } from "./shift-timestamps.js";
import { shiftedId } from "./shifted-record.js";

export interface TimekeeperOptions {
  readonly store: Store;
  readonly queues: QueueNames;
  readonly locks: QueueLocks;
  readonly clock: Clock;
  readonly boot: Boot;
  readonly log: Log;
  /** Records are moved by whole windows. */
  readonly windows: Windows;
}

/** Less than this is drift, which time servers put right all the time. */
const MIN_JUMP = seconds(30);
/** Drift is stored once it comes to this much, so that it isn't taken for a jump at the next start. */
const STORED_DRIFT = seconds(5);
/** How far ahead of this boot's clock a record of it may be stamped: it runs on while another boot's shift is finished. */
const LEEWAY = seconds(60);

export interface Timekeeping {
  /** Whether the clock can be gone by, and what is stored agrees with it. */
  readonly isTrusted: boolean;
  /** Whether queues and windows' state were changed: they must be read again. */
  readonly hasShifted: boolean;
}

type PlannedState = ClockState & { readonly pending: ClockShift };

/** The clock's state as it was read or written last. */
interface Stored {
  /** Of the store: in another one it may have older data. */
  readonly epoch: number;
  readonly text: string | undefined;
  readonly state: ClockState | undefined;
}

export class Timekeeper {
  readonly #options: TimekeeperOptions;
  /** Undefined before the first check, and after one that failed: then it is read again. */
  #stored: Stored | undefined;
  /** The clock's time of this boot at the last check. */
  #bootTime: Seconds | undefined;
  #isTrusted = false;
  #saidUnset = false;

  constructor(options: TimekeeperOptions) {
    this.#options = options;
  }

  /** Whether the times of what is stored can be gone by at this moment. */
  get isTrusted(): boolean {
    return (
      this.#isTrusted &&
      this.#bootTime !== undefined &&
      Math.abs(this.#currentBootTime() - this.#bootTime) < MIN_JUMP
    );
  }

  /** The time by the clock at the last check and the time since: no jump shows in it that isn't dealt with yet. */
  now(): Milliseconds {
    const { clock, boot } = this.#options;
    if (this.#bootTime === undefined) return clock.now();
    return toMilliseconds(seconds(this.#bootTime + boot.uptime()));
  }

  /** The clock for anyone who judges records by their age: with the time of {@link now}. */
  trusted(clock: Clock): Clock {
    return {
      now: () => this.now(),
      monotonic: () => clock.monotonic(),
      sleep: (duration, signal) => clock.sleep(duration, signal),
    };
  }

  /**
   * Looks at the clock, puts right what a jump has made wrong, and tells what may be done by it. Rejects if the
   * store does; then the next check reads again how far the last one came. Nothing else may work on the raw queue
   * meanwhile.
   */
  async check(): Promise<Timekeeping> {
    this.#isTrusted = false;
    try {
      const done = await this.#check();
      this.#isTrusted = done.isTrusted;
      return done;
    } catch (error) {
      this.#stored = undefined;
      throw error;
    }
  }

  async #check(): Promise<Timekeeping> {
    const { boot, store } = this.#options;
    if (this.#stored?.epoch !== store.epoch) this.#stored = await this.#load();
    const { state } = this.#stored;
    const wasPending = state !== undefined && isPlanned(state);
    if (wasPending && !(await this.#finish(state))) return WAITING;
    const bootTime = this.#currentBootTime();
    const before = state?.boot === boot.id ? state.bootTime : undefined;
    const by = before === undefined ? seconds(0) : this.#jump(before, bootTime);
    if (before !== undefined && by !== 0) {
      this.#bootTime = bootTime;
      const planned = await this.#plan({ boot: boot.id, bootTime }, this.#range(before, by));
      if (planned === undefined || !(await this.#finish(planned))) return WAITING;
    } else if (before === undefined || Math.abs(bootTime - before) >= STORED_DRIFT) {
      await this.#write({ boot: boot.id, bootTime });
    }
    this.#bootTime = bootTime;
    return { isTrusted: this.#isSet(), hasShifted: wasPending || by !== 0 };
  }

  #isSet(): boolean {
    const now = toSeconds(this.now());
    const isSet = now >= CLOCK_FLOOR;
    if (!isSet && !this.#saidUnset)
      this.#options.log.warn({ now }, "the clock isn't set: records wait until it is");
    this.#saidUnset = !isSet;
    return isSet;
  }

  #currentBootTime(): Seconds {
    const { clock, boot } = this.#options;
    return seconds(toSeconds(clock.now()) - boot.uptime());
  }

  /** In whole windows; 0 if it is drift. */
  #jump(before: Seconds, after: Seconds): Seconds {
    const { interval } = this.#options.windows;
    const jump = after - before;
    // + 0, as -0 is no jump either.
    return seconds(Math.abs(jump) < MIN_JUMP ? 0 : Math.round(jump / interval) * interval + 0);
  }

  #range(before: Seconds, by: Seconds): Shift {
    const { boot, windows } = this.#options;
    return {
      // Ready metrics are stamped with the start of their window.
      from: windows.startOf(before),
      // What was stamped in the second of the jump belongs to it, too.
      to: seconds(before + boot.uptime() + 1),
      by,
    };
  }

  /**
   * The windows' state is moved in the same step: it describes the records as they will be. Which windows move depends on
   * what was sent of them.
   *
   * @returns undefined if ready metrics are being sent now: to be called again
   */
  async #plan(state: ClockState, range: Shift): Promise<PlannedState | undefined> {
    const { store, queues, locks } = this.#options;
    return locks.moving(queues.readyMetrics, async () => {
      const id = randomBytes(4).toString("hex");
      const windows = await shiftWindows(store, queues, range, (old) => shiftedId(old, { id }));
      const planned = { ...state, pending: { ...range, id, staying: windows.staying } };
      await this.#write(planned, { state: windows.state });
      return planned;
    });
  }

  /** @returns false if a queue is in use now: to be called again */
  async #finish(planned: PlannedState): Promise<boolean> {
    const { queues, locks, log } = this.#options;
    const timed = timedQueues(queues);
    const isReached = ({ queue }: TimedQueue) => queue === planned.pending.progress?.queue;
    let state = planned;
    for (const each of timed.slice(Math.max(0, timed.findIndex(isReached)))) {
      const next = timed[timed.indexOf(each) + 1];
      const moved = await locks.moving(each.queue, () => this.#moveQueue(state, each, next));
      if (moved === undefined) return false;
      state = moved;
    }
    const { boot, bootTime, pending } = state;
    await this.#write({ boot, bootTime });
    const records = pending.progress?.moved ?? 0;
    log.warn({ seconds: pending.by, records }, "the clock was set: records were moved to the right time");
    return true;
  }

  /** Each page in a settlement with how far the shift has come, so that nothing is begun again. */
  async #moveQueue(
    planned: PlannedState,
    timed: TimedQueue,
    next: TimedQueue | undefined,
  ): Promise<PlannedState> {
    const { pending } = planned;
    const after = pending.progress?.queue === timed.queue ? pending.progress.after : undefined;
    let moved = pending.progress?.moved ?? 0;
    let state = planned;
    const pages = shiftedPages(this.#options.store, timed, pending, this.#spared(planned), after);
    for await (const page of pages) {
      moved += page.moved;
      state = withProgress(planned, { queue: timed.queue, after: page.after, moved });
      await this.#write(state, page.settlement);
    }
    if (next === undefined) return state;
    const atNext = withProgress(planned, { queue: next.queue, moved });
    if (state !== planned) await this.#write(atNext);
    return atNext;
  }

  /**
   * After a power cut in the middle of a shift, what this boot can have stamped isn't the shift's to move: the device
   * may have started at the same wrong time again.
   */
  #spared({ boot: bootOfShift }: ClockState): TimeRange | undefined {
    const { boot, clock } = this.#options;
    if (bootOfShift === boot.id) return undefined;
    const from = this.#currentBootTime();
    return { from: seconds(from - LEEWAY), to: seconds(toSeconds(clock.now()) + LEEWAY) };
  }

  async #load(): Promise<Stored> {
    const { store } = this.#options;
    const { epoch } = store;
    const [text] = await store.state([CLOCK_STATE]);
    return { epoch, text, state: decodeClockState(text) };
  }

  /** Rejects if another text is stored by now. */
  async #write(
    state: ClockState,
    { state: windows = new Map(), ...rest }: Pick<Settlement, "remove" | "add" | "state"> = {},
  ): Promise<void> {
    const text = encodeClockState(state);
    const { store } = this.#options;
    const { epoch } = store;
    await store.settle({
      ...rest,
      onlyWhile: new Map([[CLOCK_STATE, this.#stored?.text]]),
      state: new Map([...windows, [CLOCK_STATE, text]]),
    });
    this.#stored = { epoch, text, state };
  }
}

function isPlanned(state: ClockState): state is PlannedState {
  return state.pending !== undefined;
}

function withProgress(state: PlannedState, progress: ShiftProgress): PlannedState {
  return { ...state, pending: { ...state.pending, progress } };
}

/** A queue whose records are to be moved is in use. */
const WAITING: Timekeeping = { isTrusted: false, hasShifted: false };
