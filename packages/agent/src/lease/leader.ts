/** Leader election: the work begins when this agent takes the lease, ends when the lease is lost, and begins again. */
import { once } from "node:events";
import { type Store, withStoreErrors } from "@chouette-iot/queue";
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import type { Clock } from "../runtime/clock.js";
import type { Log } from "../runtime/log.js";
import { beginOutage, endOutages, type LoopOutages } from "../runtime/outage.js";
import { FencedStore } from "./fenced-store.js";
import { HEARTBEAT_INTERVAL, Lease } from "./lease.js";

export interface LeaderOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;

  readonly outages: LoopOutages;
  /**
   * Begins the work. Nothing that an earlier work read may be reused.
   *
   * @param lost aborted if another agent has the lease or may have had it: then all of the work has to end
   */
  begin(store: Store, lost: AbortSignal): void;
  /** Resolves when the work has ended. */
  end(): Promise<void>;
}

/** Between two attempts to take the lease, and after a heartbeat that failed. */
export const POLL_INTERVAL = milliseconds(1_000);

/** Resolves when the signal is aborted, the work has ended and the lease is released. */
export async function runAsLeader(options: LeaderOptions, signal: AbortSignal): Promise<void> {
  const { store, clock, log } = options;
  const lease = new Lease(withStoreErrors(store), clock);
  while (await takeLease(lease, options, signal)) {
    const lost = new AbortController();
    const fenced = new FencedStore(store, lease, (reason) => lost.abort(reason));
    options.begin(fenced, lost.signal);
    const ended = new AbortController();
    const beating = sendHeartbeats(fenced, clock, AbortSignal.any([ended.signal, lost.signal]));
    await untilAborted(AbortSignal.any([signal, lost.signal]));
    // The work may take some seconds to end: the lease is kept until then.
    await options.end();
    ended.abort();
    await beating;
    if (lost.signal.aborted) log.warn(`${lost.signal.reason}: unfinished work stays in the store`);
    // If the store doesn't answer, the next agent waits for the lease to expire.
    else await lease.release().catch(() => {});
  }
}

/** @returns whether the lease is held; false if the signal was aborted first */
async function takeLease(
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
    await clock.sleep(POLL_INTERVAL, signal);
  }
  return false;
}

async function sendHeartbeats(store: FencedStore, clock: Clock, signal: AbortSignal): Promise<void> {
  let wait: Milliseconds = HEARTBEAT_INTERVAL;
  while (!signal.aborted) {
    await clock.sleep(wait, signal);
    if (signal.aborted) return;
    // The work itself reports an outage of the store.
    wait = await store.heartbeat().then(
      () => HEARTBEAT_INTERVAL,
      () => POLL_INTERVAL,
    );
  }
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
}
