/**
 * The pipeline of an agent: the one place where its loops are wired together, on an open store.
 *
 *   raw queue ──► flush ──► ready queue ──► dispatch ──► output ──► Datadog
 *                             ▲
 *                             └── collectors, the agent's own metrics
 *
 * It keeps nothing that isn't in the store, so it can be stopped and started again when the settings change or the
 * lease is lost. `startPipeline` shows what each loop needs.
 */
import { setMaxListeners } from "node:events";
import type { QueueNames, Store } from "@chouette-iot/queue";
import { type Seconds, seconds, toSeconds } from "@chouette-iot/record";
import { seriesFilter } from "./aggregation/series-filter.js";
import type { Config } from "./config/config.js";
import { currentHostName } from "./config/host-name.js";
import { OUTPUTS } from "./config/outputs.js";
import type { DeferredCounts } from "./dispatch/byte-budget.js";
import { type DeliveryMeters, newDispatches } from "./dispatches.js";
import { type FlushLoopOptions, runFlushLoop } from "./flush/flush-loop.js";
import { type Flushed, Flusher } from "./flush/flusher.js";
import { runDropLog } from "./housekeeping/drop-log.js";
import { runHousekeeping } from "./housekeeping/housekeeping.js";
import { runStoreLimit } from "./housekeeping/store-limit.js";
import type { StoreEngine } from "./open-store.js";
import type { Outputs } from "./outputs/open-outputs.js";
import { rereadAfterReconnect } from "./reread-store.js";
import { AttemptedTimes } from "./runtime/attempted-times.js";
import { CLOCK_FLOOR, type Clock } from "./runtime/clock.js";
import type { Log } from "./runtime/log.js";
import type { NewOutage, Outage } from "./runtime/outage.js";
import { LoopWatchdog } from "./runtime/watchdog.js";
import { runRouteLoop } from "./shards/route-loop.js";
import type { RouterOptions } from "./shards/router.js";
import type { History } from "./status/history.js";
import { runHistoryStore } from "./status/history-store.js";
import type { Boot } from "./timekeeping/boot.js";
import { QueueLocks } from "./timekeeping/queue-locks.js";
import { Timekeeper } from "./timekeeping/timekeeper.js";
import type { Wrap } from "./wrappers/wrapper.js";

export interface Pipeline {
  readonly outages: readonly Outage[];
  /** Numbers of records held back because a byte budget is used up. */
  deferred(): DeferredCounts;
  /** Of flush and dispatch. */
  readonly watchdogs: readonly LoopWatchdog[];
  /** Unix time of the last flush that succeeded; undefined before the first. */
  flushedAt(): Seconds | undefined;
  /** Resolves when every loop has ended. */
  stop(): Promise<void>;
}

export interface PipelineOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  /** Its failures are StoreErrors. On a Redis server, fenced by the lease. */
  readonly store: Store;
  readonly queues: QueueNames;
  readonly storeOutage: Outage;
  readonly newOutage: NewOutage;
  readonly engine: StoreEngine;
  readonly boot: Boot;
  readonly wrap: Wrap;
  readonly outputs: Outputs;
  readonly meters: DeliveryMeters;
  /** To be kept in the store; undefined without a status server, or if another shard keeps it. */
  readonly history: History | undefined;
  /** Undefined if raw records are aggregated here; else they are moved to these raw queues. */
  readonly routing: Pick<RouterOptions, "targets"> | undefined;
  /** Number of shards that share the limits of the store now. */
  shares(): number;
}

/** @param lost aborted when another agent becomes the leader */
export function startPipeline(options: PipelineOptions, lost: AbortSignal): Pipeline {
  const { store, clock, history } = options;
  const ending = new AbortController();
  const signal = AbortSignal.any([ending.signal, lost]);
  // Every loop adds a listener, and Node warns of a leak after ten.
  setMaxListeners(0, signal);
  const locks = new QueueLocks();
  const flush =
    options.routing === undefined ? newFlush(options, locks) : newRouting(options, options.routing, locks);
  const dispatches = newDispatches(options, {
    timekeeper: flush.timekeeper,
    locks,
    areMetricsClaimed: flush.hasBegun,
    attempted: flush.attempted,
  });
  const flushing = flush.run(dispatches.wake, signal);
  const dispatching = dispatches.run(signal);
  const upkeep = startUpkeep(options, locks, signal);
  const loops = [flushing, ...dispatching, ...upkeep.loops];
  if (history !== undefined) loops.push(runHistoryStore({ store, history, clock }, signal));
  return {
    outages: [flush.outage, ...dispatches.outages, ...upkeep.outages],
    watchdogs: [flush.watchdog, ...dispatches.watchdogs],
    flushedAt: flush.flushedAt,
    deferred: () => dispatches.deferred(),
    stop: async () => {
      ending.abort();
      await Promise.all(loops);
    },
  };
}

/** The loop that empties the raw queue, with the timekeeper that decides whether it may run. */
interface RawQueueLoop {
  readonly outage: Outage;
  readonly watchdog: LoopWatchdog;
  readonly timekeeper: Timekeeper;
  /** Whether ready metrics may be dispatched. */
  hasBegun(): boolean;
  readonly attempted: AttemptedTimes | undefined;
  flushedAt(): Seconds | undefined;
  run(wakeDispatch: () => void, signal: AbortSignal): Promise<void>;
}

/** The flush loop, with the timekeeper that decides whether it may run. */
function newFlush(options: PipelineOptions, locks: QueueLocks): RawQueueLoop {
  const { config, log, store, queues, storeOutage, boot, wrap } = options;
  const { windows, settings, metricTtl: ttl } = config;
  const outage = options.newOutage("flush", "failing");
  const watchdog = new LoopWatchdog("flush", options.clock);
  const clock = watchdog.clock();
  // Timekeeper and flusher cache what they read from the store, and must read it again after a reconnect.
  const watchedStore = watchdog.store(rereadAfterReconnect(store));
  const timekeeper = new Timekeeper({ store: watchedStore, queues, locks, clock, log, windows, boot });
  const resolutions = settings.backlogResolution;
  const attempted = resolutions && new AttemptedTimes();
  const flusher = new Flusher({
    store: watchedStore,
    queues,
    windows,
    wrap,
    clock: timekeeper.trusted(clock),
    ttl,
    globalTags: settings.globalTags,
    // A shard's records may be sent by another agent than the one that aggregates them.
    hostName: settings.shards === undefined ? undefined : () => currentHostName(settings),
    filter: seriesFilter(settings),
    earliestPlausible: CLOCK_FLOOR,
    thinning: attempted && {
      ...{ resolutions, attempted },
      whileUnused: (step) => locks.moving(queues.readyMetrics, step),
    },
  });
  let flushedAt: Seconds | undefined;
  const outages = { store: storeOutage, own: outage };
  const run = (wakeDispatch: () => void, signal: AbortSignal) => {
    const checkClock = clockCheck(timekeeper, wakeDispatch);
    const onFlushed = ({ ready }: Flushed) => {
      flushedAt = toSeconds(clock.now());
      // On a terminal, show a window as soon as it closes; other outputs wait for the release interval.
      if (ready > 0 && OUTPUTS[config.output].isForPeople) wakeDispatch();
    };
    return runFlushLoop({ flusher, clock, log, windows, outages, checkClock, onFlushed }, signal);
  };
  const hasBegun = () => flusher.hasBegun;
  return { run, timekeeper, outage, watchdog, hasBegun, attempted, flushedAt: () => flushedAt };
}

/** The router instead of the flush, for a queue whose records belong to shards. */
function newRouting(
  { clock: systemClock, newOutage, ...options }: PipelineOptions,
  routing: Pick<RouterOptions, "targets">,
  locks: QueueLocks,
): RawQueueLoop {
  const { config, log, queues, storeOutage, boot } = options;
  const outage = newOutage("routing", "failing");
  const watchdog = new LoopWatchdog("routing", systemClock);
  const clock = watchdog.clock();
  const store = watchdog.store(rereadAfterReconnect(options.store));
  const { windows } = config;
  const timekeeper = new Timekeeper({ store, queues, locks, clock, log, windows, boot });
  const outages = { store: storeOutage, own: outage };
  // So that windows of many shards may be handed over.
  const targets = () => routing.targets()?.map((shard) => ({ ...shard, store: watchdog.store(shard.store) }));
  let routedAt: Seconds | undefined;
  const onRouted = () => {
    routedAt = toSeconds(clock.now());
  };
  return {
    run: (wakeDispatch, signal) =>
      runRouteLoop(
        {
          ...{ store, queues, clock, outages, targets, onRouted, interval: windows.interval },
          checkClock: clockCheck(timekeeper, wakeDispatch),
        },
        signal,
      ),
    timekeeper,
    outage,
    watchdog,
    hasBegun: () => true,
    attempted: undefined,
    flushedAt: () => routedAt,
  };
}

/** @param onTrusted called when the clock becomes trustworthy */
function clockCheck(timekeeper: Timekeeper, onTrusted: () => void): FlushLoopOptions["checkClock"] {
  return async () => {
    const wasTrusted = timekeeper.isTrusted;
    const checked = await timekeeper.check();
    if (checked.isTrusted && !wasTrusted) onTrusted();
    return checked;
  };
}

/** The loops that keep the store within its bounds and report what it drops. */
function startUpkeep(options: PipelineOptions, locks: QueueLocks, signal: AbortSignal) {
  const { config, clock, log, store, queues, storeOutage, newOutage, engine, shares } = options;
  const { maxDeadLetters, deadLetterTtl, storeMaxBytes } = config.settings;
  const housekeeping = newOutage("housekeeping", "failing");
  const limit = newOutage("store limit", "failing");
  const full = newOutage("embedded store", "full");
  const limits = { maxRecords: maxDeadLetters, ttl: seconds(deadLetterTtl) };
  const server = engine.kind === "redis" ? engine.server : undefined;
  const maxBytes = storeMaxBytes ?? (engine.kind === "embedded" ? engine.defaultLimit : undefined);
  const outages = { store: storeOutage, own: housekeeping };
  const loops = [
    runDropLog({ store, queues, clock, log }, signal),
    runHousekeeping({ store, queues, clock, limits, shares, outages, maxBytes, server }, signal),
  ];
  if (engine.kind === "embedded")
    loops.push(
      runStoreLimit(
        {
          ...{ store, queues, clock, full },
          outages: { store: storeOutage, own: limit },
          bytes: () => engine.store.bytes(),
          maxBytes: storeMaxBytes ?? engine.defaultLimit,
          unlessMoving: (step) => locks.using(Object.values(queues), step),
        },
        signal,
      ),
    );
  return { loops, outages: [housekeeping, full, limit] };
}
