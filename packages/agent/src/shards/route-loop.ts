/** Runs the router every second. */
import { StaleEpochError, StaleSettlementError } from "@chouette-iot/queue";
import { milliseconds, type Seconds, toSeconds } from "@chouette-iot/record";
import { beginOutage, endOutages, type LoopOutages } from "../runtime/outage.js";
import { handOverWindows } from "./hand-over-windows.js";
import { type RouterOptions, rejectOrphans, route } from "./router.js";

export interface RouteLoopOptions extends RouterOptions {
  readonly outages: LoopOutages;
  /** Length of a window. */
  readonly interval: Seconds;
  /** Returns whether the clock can be trusted, after moving records that were stamped by a wrong clock. */
  checkClock(): Promise<{ readonly isTrusted: boolean }>;
  /** Called after each round in which everything was moved. */
  onRouted(): void;
}

/** Short against AGGREGATE_GRACE: a record that comes after its window was emitted costs another emission. */
const INTERVAL = milliseconds(1_000);
/** Rounds between two searches for orphans. */
const ORPHAN_ROUNDS = 10;

/** Resolves when the signal is aborted and the running step has ended. */
export async function runRouteLoop(options: RouteLoopOptions, signal: AbortSignal): Promise<void> {
  const { store, queues, clock, outages, interval, targets, checkClock, onRouted } = options;
  let isHandedOver = false;
  for (let round = 0; !signal.aborted; round++) {
    try {
      const { isTrusted } = await checkClock();
      if (isTrusted && !signal.aborted) {
        const shards = targets();
        if (!isHandedOver && shards !== undefined) {
          await handOverWindows({ store, queues, shards, interval, now: toSeconds(clock.now()) });
          isHandedOver = true;
        }
        if (isHandedOver) await route(options, signal);
        if (round % ORPHAN_ROUNDS === 0) await rejectOrphans(options);
        onRouted();
      }
      endOutages(outages);
    } catch (error) {
      // Aborted: the agent is stopping, or another agent has the lease.
      if (signal.aborted) return;
      if (!(error instanceof StaleEpochError || error instanceof StaleSettlementError))
        beginOutage(error, outages);
    }
    await clock.sleep(INTERVAL, signal);
  }
}
