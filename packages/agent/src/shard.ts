/**
 * A shard of the store, from the agent's start to its stop: its lease, and while this agent holds it, its pipeline.
 *
 *   lease ──► lifecycle ──► pipeline ──► records of this shard
 *
 * Without CHOUETTE_SHARDS an agent has exactly one, which is the whole store. With an embedded store there is no lease.
 */
import { once } from "node:events";
import { type QueueNames, type Store, withStoreErrors } from "@chouette-iot/queue";
import type { Seconds } from "@chouette-iot/record";
import type { Config } from "./config/config.js";
import { SentBytes } from "./dispatch/sent-bytes.js";
import type { Holder } from "./lease/holder.js";
import { type LeaderOptions, runAsLeader } from "./lease/leader.js";
import { leaseHolder } from "./lease/lease.js";
import type { Share } from "./lease/share.js";
import { Lifecycle, type LifecycleOptions } from "./lifecycle.js";
import type { WireMeter } from "./outputs/wire-meter.js";
import type { Pipeline } from "./pipeline.js";
import type { Reloadable } from "./reloadable.js";
import type { Clock } from "./runtime/clock.js";
import type { Log } from "./runtime/log.js";
import type { Outage } from "./runtime/outage.js";
import { LoopWatchdog } from "./runtime/watchdog.js";
import type { RecordTap } from "./status/record-tap.js";

/** What an agent works with while it is the leader. */
export interface Leadership {
  /** Fenced by the lease; its failures are StoreErrors. */
  readonly store: Store;
  readonly sentBytes: SentBytes;
  readonly lost: AbortSignal;
}

export interface ShardOptions<P extends Pipeline> {
  /** Undefined if the shard is the whole store. */
  readonly name: string | undefined;
  readonly store: Store;
  readonly queues: QueueNames;
  /** Whether other agents may work on the same store. */
  readonly hasLease: boolean;
  /** How many shards this agent may have; undefined without shards. */
  readonly share: Share | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly outages: { readonly store: Outage; readonly lease: Outage };
  readonly tap: RecordTap;
  readonly wireMeter: WireMeter;
  readonly config: Config;
  readonly opened: Reloadable;
  readonly lifecycle: Pick<LifecycleOptions<Config, Reloadable, Leadership, P>, "open" | "close" | "start">;
}

export interface Shard<P extends Pipeline = Pipeline> {
  readonly name: string | undefined;
  /** Not fenced: for whatever any program may do with the store. */
  readonly store: Store;
  readonly queues: QueueNames;
  /** The newest settings that could be opened. */
  config(): Config;
  isOurs(): boolean;
  /** Unix time of the last flush; undefined before the first, and while another agent is the leader. */
  flushedAt(): Seconds | undefined;
  /** Undefined while this agent doesn't work on it. */
  pipeline(): P | undefined;
  /** The agent that works on it; undefined if none does. Rejects if the store does. */
  holder(): Promise<Holder | undefined>;
  /** A sentence for each of its loops that has hung. */
  stalled(): readonly string[];
  reload(config: Config): Promise<boolean>;
  /** Ends the work and releases the lease. */
  stop(): Promise<void>;
}

export function startShard<P extends Pipeline>(options: ShardOptions<P>): Shard<P> {
  const { name, store, queues, clock, log, share, hasLease, tap, wireMeter, outages } = options;
  const lifecycle = new Lifecycle<Config, Reloadable, Leadership, P>(options.config, options.opened, {
    ...options.lifecycle,
    onFailure: (error) =>
      log.error(
        { err: error },
        "the pipeline failed to start or stop; retried when the settings or the lease change",
      ),
  });
  const watchdog = hasLease ? new LoopWatchdog("lease", clock) : undefined;
  const ending = new AbortController();
  const ended = work(hasLease, ending.signal, {
    store,
    log,
    share,
    // Only its sleeps are steps of the lease's loop: the pipeline uses the store, too.
    clock: watchdog?.clock() ?? clock,
    outages: { store: outages.store, own: outages.lease },
    begin: (leaderStore, lost) => {
      const tapped = tap.store(withStoreErrors(leaderStore));
      lifecycle.lead({ store: tapped, sentBytes: new SentBytes(tapped, clock, wireMeter), lost });
    },
    // The lifecycle logs the failure. The lease is released all the same.
    end: () => lifecycle.follow().catch(() => {}),
  });
  return {
    name,
    store,
    queues,
    config: () => lifecycle.config,
    isOurs: () => lifecycle.pipeline !== undefined,
    flushedAt: () => lifecycle.pipeline?.flushedAt(),
    pipeline: () => lifecycle.pipeline,
    holder: () => leaseHolder(store),
    stalled: () =>
      [watchdog, ...(lifecycle.pipeline?.watchdogs ?? [])].flatMap((each) => each?.stallReason() ?? []),
    reload: (config) => lifecycle.reload(config),
    stop: async () => {
      ending.abort();
      await ended;
      await lifecycle.stop();
    },
  };
}

/** On a store that agents may share, only the leader works. */
async function work(hasLease: boolean, signal: AbortSignal, options: LeaderOptions): Promise<void> {
  if (hasLease) return runAsLeader(options, signal);
  options.begin(options.store, new AbortController().signal);
  await once(signal, "abort");
  await options.end();
}
