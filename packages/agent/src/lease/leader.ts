/** Leader election: the work begins when this agent takes the lease, ends when the lease is lost, and begins again. */
import { once } from "node:events";
import { type Store, withStoreErrors } from "@chouette-iot/queue";
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import type { Clock } from "../runtime/clock.js";
import type { Log } from "../runtime/log.js";
import { beginOutage, endOutages, type LoopOutages } from "../runtime/outage.js";
import { FencedStore } from "./fenced-store.js";
import { HEARTBEAT_INTERVAL, Lease, TTL } from "./lease.js";
import type { Place, Share } from "./share.js";

export interface LeaderOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** How many leases this agent may have; undefined if it is the only one that it wants. */
  readonly share?: Share | undefined;
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
  for (;;) {
    const place = await takeLease(lease, options, signal);
    if (place === undefined) return;
    const lost = new AbortController();
    const fenced = new FencedStore(store, lease, (reason) => lost.abort(reason));
    options.begin(fenced, lost.signal);
    const ended = new AbortController();
    const beating = sendHeartbeats(fenced, clock, AbortSignal.any([ended.signal, lost.signal]));
    await untilAborted(AbortSignal.any([signal, lost.signal, place.isOver]));
    // The work may take some seconds to end: the lease is kept until then.
    await options.end();
    ended.abort();
    await beating;
    if (lost.signal.aborted) log.warn(`${lost.signal.reason}: unfinished work stays in the store`);
    else await releaseLease(lease, clock, signal);
    place.leave();
    if (place.isOver.aborted) log.info("gave the shard up to another agent");
  }
}

/** The only lease that an agent wants. */
const ONLY_PLACE: Place = { isOver: new AbortController().signal, leave: () => {} };

/** @returns the place that the lease takes, once it is held; undefined if the signal was aborted first */
async function takeLease(
  lease: Lease,
  { clock, log, outages, share }: LeaderOptions,
  signal: AbortSignal,
): Promise<Place | undefined> {
  let standingBy = false;
  while (!signal.aborted) {
    let place: Place | undefined;
    try {
      const found = await lease.take(() => {
        place = share === undefined ? ONLY_PLACE : share.enter();
        return place !== undefined;
      });
      endOutages(outages);
      if (found.kind === "held") {
        if (share !== undefined) log.info("took the shard");
        else if (standingBy) log.info("took over the work on this store");
        return place;
      }
      if (share === undefined && !standingBy && found.kind === "another's" && found.holder !== undefined) {
        const { host, pid } = found.holder;
        log.info({ host, pid }, "another agent works on this store: standing by");
        standingBy = true;
      }
    } catch (error) {
      beginOutage(error, outages);
    }
    place?.leave();
    await clock.sleep(POLL_INTERVAL, signal);
  }
  return undefined;
}

/**
 * Repeats it if the store refuses, as a Redis Cluster does while it moves a shard, until the lease has expired anyway. An agent
 * that is stopping tries once: the next agent waits for the lease to expire.
 */
async function releaseLease(lease: Lease, clock: Clock, signal: AbortSignal): Promise<void> {
  const end = clock.monotonic() + TTL;
  for (;;) {
    const isReleased = await lease.release().then(
      () => true,
      () => false,
    );
    if (isReleased || signal.aborted || clock.monotonic() >= end) return;
    await clock.sleep(POLL_INTERVAL, signal);
  }
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
