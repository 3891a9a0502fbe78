/** Work that is done under the lease: begun when it is taken, ended when it is lost, and begun again. */

import { once } from "node:events";
import { type Store, withStoreErrors } from "@chouette-iot/queue";
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import type { Clock } from "../runtime/clock.js";
import type { Log } from "../runtime/log.js";
import { beginOutage, endOutages, type LoopOutages } from "../runtime/outage.js";
import { FencedStore } from "./fenced-store.js";
import { BEAT_INTERVAL, Lease } from "./lease.js";

export interface LeaderOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** Of the store, without which the lease can't be taken, and of the lease itself. */
  readonly outages: LoopOutages;
  /**
   * Begins the work, with nothing from memory.
   *
   * @param lost is aborted if another agent has or may have had the lease: all of the work should end then
   */
  begin(store: Store, lost: AbortSignal): void;
  /** Resolves when the work has ended. */
  end(): Promise<void>;
}

export const LOOK_INTERVAL = milliseconds(1_000);

/** Resolves when the signal is aborted, the work has ended and the lease is free for the next agent. */
export async function runAsLeader(options: LeaderOptions, signal: AbortSignal): Promise<void> {
  const { store, clock, log } = options;
  const lease = new Lease(withStoreErrors(store), clock);
  while (await taken(lease, options, signal)) {
    const lost = new AbortController();
    const fenced = new FencedStore(store, lease, (reason) => lost.abort(reason));
    options.begin(fenced, lost.signal);
    const ended = new AbortController();
    const beating = beat(fenced, clock, AbortSignal.any([ended.signal, lost.signal]));
    await aborted(AbortSignal.any([signal, lost.signal]));
    // What is under way takes some seconds to end: till then the lease is kept.
    await options.end();
    ended.abort();
    await beating;
    if (lost.signal.aborted) log.warn(`${lost.signal.reason}: unfinished work stays in the store`);
    // A store that doesn't answer can't be informed; then the next agent waits for the lease to expire.
    else await lease.release().catch(() => {});
  }
}

/** @returns whether the lease is held; it isn't if the signal was aborted first */
async function taken(
  lease: Lease,
  { clock, log, outages }: LeaderOptions,
  signal: AbortSignal,
): Promise<boolean> {
  let standingBy = false;
  while (!signal.aborted) {
    try {
      const found = await lease.take();
      endOutages(outages);
      if (found.kind === "held") {
        if (standingBy) log.info("took over the work on this store");
        return true;
      }
      if (!standingBy && found.holder !== undefined) {
        const { host, pid } = found.holder;
        log.info({ host, pid }, "another agent works on this store: standing by");
        standingBy = true;
      }
    } catch (error) {
      beginOutage(error, outages);
    }
    await clock.sleep(LOOK_INTERVAL, signal);
  }
  return false;
}

async function beat(store: FencedStore, clock: Clock, signal: AbortSignal): Promise<void> {
  let wait: Milliseconds = BEAT_INTERVAL;
  while (!signal.aborted) {
    await clock.sleep(wait, signal);
    if (signal.aborted) return;
    // A failure is the store's outage, which the work itself reports.
    wait = await store.beat().then(
      () => BEAT_INTERVAL,
      () => LOOK_INTERVAL,
    );
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
}
