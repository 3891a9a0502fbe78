/**
 * The pipeline of an agent: the one place where its loops are wired together, on an open store.
 *
 *   raw queue ──► flush ──► ready queue ──► dispatch ──► output ──► Datadog
 *                             ▲
 *                             └── collectors, the agent's own metrics
 *
 * It holds nothing that isn't in the store, so that it can be stopped and started again when the settings change or the
 * lease is lost.
 */
import { setMaxListeners } from "node:events";
import { type ReadyMetric, type Seconds, seconds, toMilliseconds, toSeconds } from "@chouette-iot/record";
import { seriesFilter } from "./aggregation/series-filter.js";
import { openCollectors } from "./collectors/open-collectors.js";
import { type Rounds, startCollectors } from "./collectors/rounds.js";
import type { CollectorStatus } from "./collectors/runner.js";
import type { Config } from "./config/config.js";
import { OUTPUTS } from "./config/outputs.js";
import { redisAddress } from "./config/redis-address.js";
import type { DeferredCounts } from "./dispatch/byte-budget.js";
import { type DispatchesOptions, newDispatches } from "./dispatches.js";
import { type FlushLoopOptions, runFlushLoop } from "./flush/flush-loop.js";
import { Flusher } from "./flush/flusher.js";
import { runDropLog } from "./housekeeping/drop-log.js";
import { runHousekeeping } from "./housekeeping/housekeeping.js";
import { runStoreLimit } from "./housekeeping/store-limit.js";
import type { StoreEngine } from "./open-store.js";
import type { Reloadable } from "./reloadable.js";
import { rereadAfterReconnect } from "./reread-store.js";
import { checkWriter } from "./runtime/check-writer.js";
import { CLOCK_FLOOR } from "./runtime/clock.js";
import { type LoopOutages, Outage } from "./runtime/outage.js";
import { readyWriter } from "./runtime/ready-writer.js";
import { LoopWatchdog } from "./runtime/watchdog.js";
import type { History } from "./status/history.js";
import { runHistoryStore } from "./status/history-store.js";
import { runSelfMetrics } from "./status/self-metrics.js";
import type { Status } from "./status/status.js";
import type { Boot } from "./timekeeping/boot.js";
import { QueueLocks } from "./timekeeping/queue-locks.js";
import { Timekeeper } from "./timekeeping/timekeeper.js";

export interface Pipeline {
  readonly outages: readonly Outage[];
  collectors(): readonly CollectorStatus[];
  /** What each collector measured last, by its name. */
  lastReady(): ReadonlyMap<string, readonly ReadyMetric[]>;
  /** By the day's byte budget. */
  deferred(): DeferredCounts;
  /** Of flush and dispatch. */
  readonly watchdogs: readonly LoopWatchdog[];
  /** When the raw queue was last gone through without a failure (Unix time); undefined before the first time. */
  flushedAt(): Seconds | undefined;
  stop(): Promise<void>;
}

export interface Dependencies
  extends Reloadable,
    Omit<DispatchesOptions, "timekeeper" | "locks" | "areMetricsClaimed"> {
  readonly engine: StoreEngine;
  /** To be kept in the store; undefined without a status server. */
  readonly history: History | undefined;
  readonly boot: Boot;
  status(): Promise<Status>;
}

/** @param lost aborted when another agent becomes the leader */
export function startPipeline(dependencies: Dependencies, lost: AbortSignal): Pipeline {
  const { config, clock, log, store, queues, storeOutage, history } = dependencies;
  const locks = new QueueLocks();
  const flushWatchdog = new LoopWatchdog("flush", clock);
  const flushClock = flushWatchdog.clock();
  // The flush and the timekeeper remember what the store says of windows and of the clock.
  const flushStore = flushWatchdog.store(rereadAfterReconnect(store));
  const timekeeper = new Timekeeper({
    ...{ store: flushStore, queues, locks, log, windows: config.windows },
    clock: flushClock,
    boot: dependencies.boot,
  });
  const flusher = new Flusher({
    ...{ store: flushStore, queues, windows: config.windows },
    wrap: dependencies.wrap,
    clock: timekeeper.trusted(flushClock),
    ttl: config.metricTtl,
    globalTags: config.settings.globalTags,
    filter: seriesFilter(config.settings),
    floor: CLOCK_FLOOR,
  });
  const areMetricsClaimed = () => flusher.hasBegun;
  const dispatches = newDispatches({ ...dependencies, timekeeper, locks, areMetricsClaimed });
  const flushOutage = new Outage("flush", clock, log, "failing");
  const housekeepingOutage = new Outage("housekeeping", clock, log, "failing");
  const fullOutage = new Outage("embedded store", clock, log, "full");
  const limitOutage = new Outage("store limit", clock, log, "failing");
  const { isForPeople } = OUTPUTS[config.output];
  let flushedAt: Seconds | undefined;
  const ending = new AbortController();
  const signal = AbortSignal.any([ending.signal, lost]);
  // Each loop listens to it: more of them than Node takes for no leak.
  setMaxListeners(0, signal);
  const flushing = runFlushLoop(
    {
      ...{ flusher, log, windows: config.windows },
      clock: flushClock,
      outages: { store: storeOutage, own: flushOutage },
      checkClock: clockCheck(timekeeper, dispatches.wake),
      onFlushed: ({ ready }) => {
        flushedAt = toSeconds(clock.now());
        // People want to see a window as soon as it closes; everything else waits for the release interval.
        if (ready > 0 && isForPeople) dispatches.wake();
      },
    },
    signal,
  );
  const loops = [
    flushing,
    ...dispatches.run(signal),
    runDropLog({ store, queues, clock, log }, signal),
    keepHouse(dependencies, { store: storeOutage, own: housekeepingOutage }, signal),
    limitStore(dependencies, locks, { store: storeOutage, own: limitOutage, full: fullOutage }, signal),
  ];
  if (config.settings.selfMetrics && !isForPeople) loops.push(measureSelf(dependencies, signal));
  if (history !== undefined) loops.push(runHistoryStore({ store, history, clock }, signal));
  const collecting = startRounds(dependencies);
  return {
    outages: [flushOutage, ...dispatches.outages, housekeepingOutage, fullOutage, limitOutage],
    watchdogs: [flushWatchdog, ...dispatches.watchdogs],
    flushedAt: () => flushedAt,
    collectors: () => collecting.status(),
    lastReady: () => collecting.lastReady(),
    deferred: () => dispatches.deferred(),
    stop: async () => {
      ending.abort();
      await Promise.all([...loops, collecting.stop()]);
    },
  };
}

/** @param onTrusted called when the clock can be gone by again */
function clockCheck(timekeeper: Timekeeper, onTrusted: () => void): FlushLoopOptions["checkClock"] {
  return async () => {
    const wasTrusted = timekeeper.isTrusted;
    const checked = await timekeeper.check();
    if (checked.isTrusted && !wasTrusted) onTrusted();
    return checked;
  };
}

function keepHouse(
  { store, queues, clock, config, engine }: Dependencies,
  outages: LoopOutages,
  signal: AbortSignal,
): Promise<void> {
  const { maxDeadLetters: maxRecords, deadLetterTtl } = config.settings;
  const limits = { maxRecords, ttl: seconds(deadLetterTtl) };
  const server = engine.kind === "redis" ? engine.server : undefined;
  return runHousekeeping(
    { store, queues, clock, limits, outages, maxBytes: maxStoreBytes(config, engine), server },
    signal,
  );
}

/** In bytes; undefined if the store isn't the agent's own. */
function maxStoreBytes({ settings }: Config, engine: StoreEngine): number | undefined {
  return settings.storeMaxBytes ?? (engine.kind === "embedded" ? engine.defaultLimit : undefined);
}

/** @param outages `full` when the limit is reached, `own` of the loop */
async function limitStore(
  { config, store, queues, clock, engine }: Dependencies,
  locks: QueueLocks,
  { full, ...outages }: LoopOutages & { readonly full: Outage },
  signal: AbortSignal,
): Promise<void> {
  if (engine.kind !== "embedded") return;
  const { store: embedded, defaultLimit } = engine;
  await runStoreLimit(
    {
      ...{ store, queues, clock, outages, roomOutage: full },
      bytes: () => embedded.bytes(),
      maxBytes: config.settings.storeMaxBytes ?? defaultLimit,
      unlessMoving: (step) => locks.using(Object.values(queues), step),
    },
    signal,
  );
}

function measureSelf(
  { store, queues, clock, config, status }: Dependencies,
  signal: AbortSignal,
): Promise<void> {
  const write = readyWriter(store, queues.readyMetrics, "self", config.settings.globalTags);
  const writeCheck = checkWriter(store, queues.checks);
  return runSelfMetrics({ write, writeCheck, clock, every: config.releaseInterval, status }, signal);
}

function startRounds({ config, log, clock, store, queues }: Dependencies): Rounds {
  const { settings } = config;
  return startCollectors({
    collectors: openCollectors({ settings, redis: redisAddress(settings), log }),
    interval: toMilliseconds(seconds(settings.captureInterval)),
    deadline: toMilliseconds(seconds(settings.collectorDeadline)),
    clock,
    log,
    deliver: readyWriter(store, queues.readyMetrics, "collect", settings.globalTags),
  });
}
