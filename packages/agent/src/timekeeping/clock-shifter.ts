/**
 * Carries out clock shifts: plans one, and moves the records of its range, queue by queue.
 *
 * Promises: a plan changes the state of the windows in the same settlement, and each page is moved in one settlement with the
 * shift's progress, so that no page is moved twice. A queue that is in use isn't touched.
 */
import { randomBytes } from "node:crypto";
import type { QueueNames, Store } from "@chouette-iot/queue";
import { seconds, toSeconds } from "@chouette-iot/record";
import { type Shift, shiftWindows } from "../flush/shifted-windows.js";
import type { Clock } from "../runtime/clock.js";
import type { Log } from "../runtime/log.js";
import { type Boot, bootTimeOf } from "./boot.js";
import type { ClockShift, ShiftProgress, TimeRange } from "./clock-shift.js";
import type { ClockState, StoredClockState } from "./clock-state.js";
import type { QueueLocks } from "./queue-locks.js";
import { shiftedPages, type TimedQueue, timedQueues } from "./shift-timestamps.js";
import { shiftedId } from "./shifted-record.js";

export interface ClockShifterOptions {
  readonly store: Store;
  readonly queues: QueueNames;
  readonly locks: QueueLocks;
  readonly clock: Clock;
  readonly boot: Boot;
  readonly log: Log;
}

export type PlannedState = ClockState & { readonly pending: ClockShift };

/** How far timestamps of this boot may be from its clock's range: the clock runs on while the shift is finished. */
const LEEWAY = seconds(60);

export class ClockShifter {
  readonly #options: ClockShifterOptions;
  readonly #stored: StoredClockState;

  constructor(options: ClockShifterOptions, stored: StoredClockState) {
    this.#options = options;
    this.#stored = stored;
  }

  /**
   * Plans a shift, and moves the windows' state, which then describes the records as they will be. Which windows move depends
   * on what was sent of them.
   *
   * @param state of the clock after the shift
   * @returns undefined if ready metrics are being sent now: call it again later
   */
  async plan(state: ClockState, range: Shift): Promise<PlannedState | undefined> {
    const { store, queues, locks } = this.#options;
    return locks.moving(queues.readyMetrics, async () => {
      const id = randomBytes(4).toString("hex");
      const windows = await shiftWindows(store, queues, range, (old) => shiftedId(old, { id }));
      const planned = { ...state, pending: { ...range, id, staying: windows.staying } };
      await this.#stored.write(planned, { state: windows.state });
      return planned;
    });
  }

  /** Moves the records. @returns false if a queue is in use now: call it again later */
  async finish(planned: PlannedState): Promise<boolean> {
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
    await this.#stored.write({ boot, bootTime });
    const records = pending.progress?.moved ?? 0;
    log.warn({ seconds: pending.by, records }, "the clock was set: records were moved to the right time");
    return true;
  }

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
      await this.#stored.write(state, page.settlement);
    }
    if (next === undefined) return state;
    const atNext = withProgress(planned, { queue: next.queue, moved });
    if (state !== planned) await this.#stored.write(atNext);
    return atNext;
  }

  /**
   * The times of this boot, if the shift was planned in another one, before a power cut. Their records aren't moved: the
   * device may have started at the same wrong time again.
   */
  #spared({ boot: bootOfShift }: ClockState): TimeRange | undefined {
    const { boot, clock } = this.#options;
    if (bootOfShift === boot.id) return undefined;
    const to = seconds(toSeconds(clock.now()) + LEEWAY);
    return { from: seconds(bootTimeOf(boot, clock) - LEEWAY), to };
  }
}

export function isPlanned(state: ClockState | undefined): state is PlannedState {
  return state?.pending !== undefined;
}

function withProgress(state: PlannedState, progress: ShiftProgress): PlannedState {
  return { ...state, pending: { ...state.pending, progress } };
}
