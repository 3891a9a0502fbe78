/** Runs the flush each time a window closes, and retries it after failures. */
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
  /** Of the store, the cause of most failures, and of the flush itself. */
  readonly outages: LoopOutages;
  /** Returns whether the clock can be trusted, after moving records that were stamped by a wrong clock. */
  checkClock(): Promise<{ readonly isTrusted: boolean; readonly hasShifted: boolean }>;
  /** Called after each successful flush. */
  onFlushed(flushed: Flushed): void;
}

/** After a failure: once the store has recovered or the clock was set, don't wait for the next window. */
const RETRY_AFTER = milliseconds(1_000);

/** Resolves when the signal is aborted and the running flush has ended. */
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
      // Whatever failed, including the clock's check, may have changed the windows' state in the store.
      flusher.forget();
      // Aborted: the agent is stopping, or another agent has the lease.
      if (signal.aborted) return;
      if (isStale(error)) log.debug({ err: error }, "the store has changed; reading it again");
      else beginOutage(error, outages);
    }
    await clock.sleep(wait, signal);
  }
}

/** The store no longer matches what memory knows of it, which is not an outage. */
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
