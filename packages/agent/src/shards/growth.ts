/**
 * Raises the number of shards to CHOUETTE_SHARDS, once the shards in use have been empty of raw records for three windows.
 *
 * Metrics may move to another shard. So clients with the new number keep their records until then, and the state of windows is
 * copied to the new shards. Programs with the old number must have been stopped.
 *
 * Promises: an agent that crashes meanwhile, or several that do it at the same time, do no harm: the first shard's copy of the
 * number, which is authoritative, is written last.
 */
import { StaleSettlementError, type Store } from "@chouette-iot/queue";
import { type Milliseconds, milliseconds, toMilliseconds } from "@chouette-iot/record";
import { carryWindows, type WindowStore } from "../flush/carried-windows.js";
import { windowKeys } from "../flush/window-state.js";
import type { Clock } from "../runtime/clock.js";
import type { LoopWatchdog } from "../runtime/watchdog.js";
import type { Windows } from "../runtime/windows.js";
import type { ShardCountStore } from "./shard-count.js";

/** A shard in use, or one that will be. */
export interface GrowingShard extends WindowStore {
  readonly store: Store;
  readonly server: ShardCountStore;
}

const QUIET_WINDOWS = 3;

export class Growth {
  readonly #clock: Clock;
  readonly #windows: Windows;
  readonly #watchdog: LoopWatchdog;
  #emptySince: Milliseconds | undefined;

  /** @param watchdog of the loop that calls it */
  constructor(clock: Clock, windows: Windows, watchdog: LoopWatchdog) {
    this.#clock = clock;
    this.#windows = windows;
    this.#watchdog = watchdog;
  }

  /** Whether the shards have been empty for long enough. To be called every second. Rejects if a store does. */
  async areDrained(shards: readonly WindowStore[]): Promise<boolean> {
    const pending = await Promise.all(shards.map(isPending)).catch((error) => {
      this.#emptySince = undefined;
      throw error;
    });
    const now = this.#clock.monotonic();
    this.#emptySince = pending.includes(true) ? undefined : (this.#emptySince ?? now);
    const quiet = milliseconds(QUIET_WINDOWS * toMilliseconds(this.#windows.maxAge));
    return this.#emptySince !== undefined && now - this.#emptySince >= quiet;
  }

  /**
   * Writes the new number. Rejects if a store does, or with a StaleSettlementError if another agent changed a window or the
   * number; then it must be repeated.
   */
  async grow(used: readonly GrowingShard[], added: readonly GrowingShard[]): Promise<void> {
    // Each call is a step of the loop: there may be thousands of windows.
    const watched = ({ store, ...shard }: GrowingShard) => ({ ...shard, store: this.#watchdog.store(store) });
    const from = used.map(watched);
    const to = [...from, ...added.map(watched)];
    await carryWindows(from, to, this.#windows.interval);
    for (const { server } of to.toReversed())
      if (!(await server.replaceShards(await server.shards(), to.length)))
        throw new StaleSettlementError("shards");
  }
}

/** Whether the shard has raw records, or parts of windows that weren't emitted yet. */
async function isPending({ store, queues: { rawMetrics } }: WindowStore): Promise<boolean> {
  if ((await store.size(rawMetrics)) > 0) return true;
  return (await store.stateWithPrefix(windowKeys(rawMetrics).parts)).size > 0;
}
