/**
 * The timekeeper: decides whether the device's clock can be trusted, and corrects the timestamps of records from before it
 * could.
 *
 * A device without a clock battery starts in 1970 or at the time of its last shutdown, and its clock is set when the
 * link comes up. The clock then jumps against the time since boot. All timestamps since the boot are wrong by the
 * length of the jump, and their records are moved by it.
 *
 * Promises: nothing is flushed or dispatched until the clock is past a floor and all affected records are moved. No other
 * module sees a jump before it is handled: {@link Timekeeper.now} never jumps between two checks. A jump is noticed once,
 * also if it happened while the agent was down in the same boot. A planned shift is finished before the next one is
 * planned. No record is lost.
 * What it can't correct: records that were sent before the jump was noticed, the rest of a window that was sent in part,
 * and timestamps of earlier boots. After the clock was set back, the same times come again: records that are stored with
 * one of them before the shift is done are moved, too. A batch that arrived, but whose answer was lost, is moved as if it
 * had not been sent. A machine that was paused by its hypervisor, with an uptime that doesn't count the pause, looks like
 * one whose clock was wrong.
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

/** Less than this is drift, which time servers correct continually. */
const MIN_JUMP = seconds(30);
/** Drift is stored once it reaches this, so that it isn't taken for a jump at the next start. */
const STORED_DRIFT = seconds(5);
/** How far timestamps of this boot may be from its clock's range: the clock runs on while the shift is finished. */
const LEEWAY = seconds(60);

export interface Timekeeping {
  /** Whether the clock is set and all records agree with it. */
  readonly isTrusted: boolean;
  /** Whether records and the state of windows were moved: they must be read again. */
  readonly hasShifted: boolean;
}

type PlannedState = ClockState & { readonly pending: ClockShift };

/** The clock's state as last read or written. */
interface Stored {
  /** Of the store: after a reconnect it may have older data. */
  readonly epoch: number;
  readonly text: string | undefined;
  readonly state: ClockState | undefined;
}

export class Timekeeper {
  readonly #options: TimekeeperOptions;
  /** Undefined before the first check and after a failed one: then the state is read again. */
  #stored: Stored | undefined;
  /** Unix time of this boot by the clock, at the last check. */
  #bootTime: Seconds | undefined;
  #isTrusted = false;
  #saidUnset = false;

  constructor(options: TimekeeperOptions) {
    this.#options = options;
  }

  /** Whether the clock and the times of all records can be trusted now. */
  get isTrusted(): boolean {
    return (
      this.#isTrusted &&
      this.#bootTime !== undefined &&
      Math.abs(this.#currentBootTime() - this.#bootTime) < MIN_JUMP
    );
  }

  /** The clock's time at the last check plus the time since: a jump shows only after a check has handled it. */
  now(): Milliseconds {
    const { clock, boot } = this.#options;
    if (this.#bootTime === undefined) return clock.now();
    return toMilliseconds(seconds(this.#bootTime + boot.uptime()));
  }

  /** The same clock with the time of {@link now}, for modules that depend on the age of records. */
  trusted(clock: Clock): Clock {
    return {
      now: () => this.now(),
      monotonic: () => clock.monotonic(),
      sleep: (duration, signal) => clock.sleep(duration, signal),
    };
  }

  /**
   * Checks the clock, and moves records after a jump. Rejects if the store does; then the next check reads again how
   * far this one came. Nothing else may use the raw queue meanwhile.
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

  /** Length of a jump in whole windows; 0 for drift. */
  #jump(before: Seconds, after: Seconds): Seconds {
    const { interval } = this.#options.windows;
    const jump = after - before;
    // + 0 turns -0 into 0.
    return seconds(Math.abs(jump) < MIN_JUMP ? 0 : Math.round(jump / interval) * interval + 0);
  }

  #range(before: Seconds, by: Seconds): Shift {
    const { boot, windows } = this.#options;
    return {
      // Ready metrics are stamped with the start of their window.
      from: windows.startOf(before),
      // The second in which the clock jumped is included.
      to: seconds(before + boot.uptime() + 1),
      by,
    };
  }

  /**
   * Plans a shift. The state of the windows is moved in the same settlement: it describes the records as they will be.
   * Which windows move depends on what was sent of them.
   *
   * @returns undefined if ready metrics are being sent now: call it again later
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

  /** Moves the records. @returns false if a queue is in use now: call it again later */
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

  /** Moves each page in one settlement with the shift's progress, so that no page is moved twice. */
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
   * The times of this boot, if the shift was planned in another one, before a power cut. Their records aren't moved: the
   * device may have started at the same wrong time again.
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

  /** Rejects if the stored state has changed since it was read. */
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

/** A queue whose records have to be moved is in use. */
const WAITING: Timekeeping = { isTrusted: false, hasShifted: false };
