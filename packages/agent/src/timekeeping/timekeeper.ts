/**
 * The timekeeper: tells whether the device's clock can be gone by, and puts right what was stamped while it couldn't.
 *
 * A device without a clock battery starts in 1970, or in the time of its last shutdown, and is set when its link
 * comes up. The clock is then seen to jump against the time since boot. All that was stamped since the boot was
 * stamped by the wrong clock, and is moved by the jump.
 *
 * Promises: until the clock is past a floor, nothing goes by it. A jump is noticed once, also where it came while
 * the agent was down in the same boot. It loses nothing.
 * What it can't put right: what was sent before the jump was known, and what earlier boots stamped.
 */
import type { QueueNames, Store } from "@chouette-iot/queue";
import { type Seconds, seconds, toSeconds } from "@chouette-iot/record";
import type { Clock } from "../clock.js";
import type { Log } from "../log.js";
import type { Boot } from "./boot.js";
import { type Era, plannedRebase, rebase } from "./rebase.js";

export interface TimekeeperOptions {
  readonly store: Store;
  readonly queues: QueueNames;
  readonly clock: Clock;
  readonly boot: Boot;
  readonly log: Log;
  /** The length of a window: what is moved, is moved by whole windows. */
  readonly interval: Seconds;
}

/** A clock that says less than this has not been set: it is before Chouette's first release. */
export const CLOCK_FLOOR = seconds(Date.UTC(2025, 0, 1) / 1000);
/** Less than this is drift, which time servers put right all the time. */
const LEAST_JUMP = seconds(30);
/** The store is told of drift once it comes to this much, so that it isn't taken for a jump at the next start. */
const NOTED_DRIFT = seconds(5);
const CLOCK_NOTE = "clock";

export interface Timekeeping {
  /** Whether the clock can be gone by. */
  readonly isSet: boolean;
  /** Whether queues and windows' notes were changed: what is known of them is to be read again. */
  readonly hasRebased: boolean;
}

interface ClockNote {
  readonly boot: string;
  /** The clock's time of that boot. */
  readonly bootTime: Seconds;
}

export class Timekeeper {
  readonly #options: TimekeeperOptions;
  /** The clock's time of this boot, as it was when last looked at. */
  #bootTime: Seconds | undefined;
  /** And as the store has it. */
  #notedBootTime: Seconds | undefined;
  #saidUnset = false;

  constructor(options: TimekeeperOptions) {
    this.#options = options;
  }

  /** Whether the clock has jumped since the last {@link check}: what it says of ages isn't true of what is stored. */
  get hasJumped(): boolean {
    return this.#bootTime !== undefined && Math.abs(this.#currentBootTime() - this.#bootTime) >= LEAST_JUMP;
  }

  /**
   * Looks at the clock, puts right what a jump has made wrong, and tells what may be done by it. Rejects where the
   * store does. Nothing else may work on the raw queue meanwhile.
   */
  async check(): Promise<Timekeeping> {
    const { store, queues, clock, log } = this.#options;
    const bootTime = this.#currentBootTime();
    const before = this.#bootTime ?? (await this.#noted());
    const jump = before === undefined ? 0 : bootTime - before;
    if (before !== undefined && Math.abs(jump) >= LEAST_JUMP) {
      const era = this.#era(before, bootTime);
      await this.#note(bootTime, await plannedRebase(store, queues, era));
    } else if (Math.abs(bootTime - (this.#notedBootTime ?? 0)) >= NOTED_DRIFT) {
      await this.#note(bootTime);
    }
    this.#bootTime = bootTime;
    const rebased = await rebase(store, queues);
    if (rebased !== undefined) {
      log.warn(
        { seconds: Math.round(jump), records: rebased },
        "the clock jumped: what it stamped was re-based",
      );
    }
    const now = toSeconds(clock.now());
    const isSet = now >= CLOCK_FLOOR;
    if (!isSet && !this.#saidUnset) log.warn({ now }, "the clock isn't set: records wait until it is");
    this.#saidUnset = !isSet;
    return { isSet, hasRebased: rebased !== undefined };
  }

  #currentBootTime(): Seconds {
    const { clock, boot } = this.#options;
    return seconds(toSeconds(clock.now()) - boot.uptime());
  }

  async #noted(): Promise<Seconds | undefined> {
    const [text] = await this.#options.store.notes([CLOCK_NOTE]);
    if (text === undefined) return undefined;
    const { boot, bootTime }: ClockNote = JSON.parse(text);
    if (boot !== this.#options.boot.id) return undefined;
    this.#notedBootTime = bootTime;
    return bootTime;
  }

  /** In one step with what is planned of a jump, so that it is neither forgotten nor made up for twice. */
  async #note(
    bootTime: Seconds,
    planned: ReadonlyMap<string, string | undefined> = new Map(),
  ): Promise<void> {
    const { store, boot } = this.#options;
    const note =
      boot.id === undefined ? undefined : JSON.stringify({ boot: boot.id, bootTime } satisfies ClockNote);
    await store.settle({ notes: new Map([...planned, [CLOCK_NOTE, note]]) });
    this.#notedBootTime = bootTime;
  }

  #era(before: Seconds, after: Seconds): Era {
    const { boot, interval } = this.#options;
    const by = Math.round((after - before) / interval) * interval;
    // What was stamped in the second of the jump is of the era, too.
    return { from: before, to: seconds(before + boot.uptime() + 1), by: seconds(by) };
  }
}
