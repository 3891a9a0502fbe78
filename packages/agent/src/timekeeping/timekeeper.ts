/**
 * The timekeeper: decides whether the device's clock can be trusted, and corrects the timestamps of records from before it
 * could.
 *
 * A device without a clock battery starts in 1970 or at the time of its last shutdown, and its clock is set when the
 * link comes up. The clock then jumps against the time since boot. All timestamps since the boot are wrong by the
 * length of the jump, and their records are moved by it.
 *
 * Promises: nothing is flushed or dispatched until the clock is plausible and all affected records are moved. No other
 * module sees a jump before it is handled: {@link Timekeeper.now} never jumps between two checks. A jump is noticed once,
 * also if it happened while the agent was down in the same boot. A planned shift is finished before the next one is
 * planned. No record is lost.
 * What it can't correct: records that were sent before the jump was noticed, the rest of a window that was sent in part,
 * and timestamps of earlier boots. After the clock was set back, the same times come again: records that are stored with
 * one of them before the shift is done are moved, too. A batch that arrived, but whose answer was lost, is moved as if it
 * had not been sent. A machine that was paused by its hypervisor, with an uptime that doesn't count the pause, looks like
 * one whose clock was wrong.
 */
import { type Milliseconds, type Seconds, seconds, toMilliseconds, toSeconds } from "@chouette-iot/record";
import type { Shift } from "../flush/shifted-windows.js";
import { CLOCK_FLOOR, type Clock } from "../runtime/clock.js";
import type { Windows } from "../runtime/windows.js";
import { bootTimeOf } from "./boot.js";
import { ClockShifter, type ClockShifterOptions, isPlanned } from "./clock-shifter.js";
import { StoredClockState } from "./clock-state.js";

export interface TimekeeperOptions extends ClockShifterOptions {
  /** Records are moved by whole windows. */
  readonly windows: Windows;
}

/** Less than this is drift, which time servers correct continually. */
const MIN_JUMP = seconds(30);
/** Drift is stored once it reaches this, so that it isn't taken for a jump at the next start. */
const STORED_DRIFT = seconds(5);

export interface Timekeeping {
  /** Whether the clock is set and all records agree with it. */
  readonly isTrusted: boolean;
  /** Whether records and the state of windows were moved: they must be read again. */
  readonly hasShifted: boolean;
}

/** A queue whose records have to be moved is in use. */
const WAITING: Timekeeping = { isTrusted: false, hasShifted: false };

export class Timekeeper {
  readonly #options: TimekeeperOptions;
  readonly #stored: StoredClockState;
  readonly #shifter: ClockShifter;
  /** Unix time of this boot by the clock, at the last check. */
  #bootTime: Seconds | undefined;
  #isTrusted = false;
  #saidUnset = false;

  constructor(options: TimekeeperOptions) {
    this.#options = options;
    this.#stored = new StoredClockState(options.store);
    this.#shifter = new ClockShifter(options, this.#stored);
  }

  /** Whether the clock and the times of all records can be trusted now. */
  get isTrusted(): boolean {
    if (!this.#isTrusted || this.#bootTime === undefined) return false;
    return Math.abs(this.#currentBootTime() - this.#bootTime) < MIN_JUMP;
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
      this.#stored.forget();
      throw error;
    }
  }

  async #check(): Promise<Timekeeping> {
    const { id: boot } = this.#options.boot;
    const state = await this.#stored.read();
    const wasPending = isPlanned(state);
    if (wasPending && !(await this.#shifter.finish(state))) return WAITING;
    const bootTime = this.#currentBootTime();
    const before = state?.boot === boot ? state.bootTime : undefined;
    const by = before === undefined ? seconds(0) : this.#jump(before, bootTime);
    if (before !== undefined && by !== 0) {
      this.#bootTime = bootTime;
      const planned = await this.#shifter.plan({ boot, bootTime }, this.#range(before, by));
      if (planned === undefined || !(await this.#shifter.finish(planned))) return WAITING;
    } else if (before === undefined || Math.abs(bootTime - before) >= STORED_DRIFT) {
      await this.#stored.write({ boot, bootTime });
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
    return bootTimeOf(this.#options.boot, this.#options.clock);
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
}
