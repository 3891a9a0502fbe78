/** The flush, each time that a window closes. */
import { StaleEpochError, StaleSettlementError } from "@chouette-iot/queue";
import { type Milliseconds, milliseconds, toMilliseconds, toSeconds } from "@chouette-iot/record";
import type { Clock } from "../runtime/clock.js";
import type { Log } from "../runtime/log.js";
import { beginOutage, endOutages, type LoopOutages } from "../runtime/outage.js";
import type { Windows } from "../runtime/windows.js";
import type { Flushed, Flusher } from "./flusher.js";

export interface FlushLoopOptions {
  readonly flusher: Flusher;
  readonly clock: Clock;
  readonly log: Log;
  readonly windows: Windows;
  /** Of the store, which is why most flushes fail, and of the flush itself. */
  readonly outages: LoopOutages;
  /** Whether the clock can be gone by, after putting right what it made wrong. */
  checkClock(): Promise<{ readonly isTrusted: boolean; readonly hasShifted: boolean }>;
  /** Called after each flush that went through. */
  onFlushed(flushed: Flushed): void;
}

/** After a failure, so that a store that is back, or a clock that was set, isn't left waiting for the next window. */
const RETRY_AFTER = milliseconds(1_000);

/** Resolves when the signal is aborted and the flush under way is done. */
export async function runFlushLoop(options: FlushLoopOptions, signal: AbortSignal): Promise<void> {
  const { flusher, clock, log, outages } = options;
  while (!signal.aborted) {
    let wait = RETRY_AFTER;
    try {
      if ((await mayFlush(options)) && !signal.aborted) {
        const flushed = await flusher.flush();
        if (Object.values(flushed).some((records) => records > 0)) log.debug(flushed, "flushed");
        options.onFlushed(flushed);
        wait = untilNextClose(options);
      }
      endOutages(outages);
    } catch (error) {
      // Whatever failed, the clock's check included, may have changed what the store says of windows.
      flusher.forget();
      // Given up: at the agent's end, or since another agent has the lease.
      if (signal.aborted) return;
      if (isStale(error)) log.debug({ err: error }, "the store has changed: it is read again");
      else beginOutage(error, outages);
    }
    await clock.sleep(wait, signal);
  }
}

/** What memory knew of the store isn't so any more, which is no outage. */
function isStale(error: unknown): boolean {
  return error instanceof StaleSettlementError || error instanceof StaleEpochError;
}

async function mayFlush({ checkClock, flusher }: FlushLoopOptions): Promise<boolean> {
  const { isTrusted, hasShifted } = await checkClock();
  if (hasShifted) flusher.forget();
  return isTrusted;
}

function untilNextClose({ clock, windows }: FlushLoopOptions): Milliseconds {
  const now = clock.now();
  return milliseconds(Math.max(0, toMilliseconds(windows.nextClose(toSeconds(now))) - now));
}
