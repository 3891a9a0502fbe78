/**
 * The pipeline of an agent: the one place where its modules are wired together, on an open store.
 *
 *   raw queue ──► flush ──► ready queue ──► dispatch ──► output ──► Datadog
 *                             ▲
 *                             └── collectors, the agent's own metrics
 *
 * It holds nothing that isn't in the store, so that it can be stopped and started again when the settings change or the
 * lease is lost.
 */
import type { BrokerStore, QueueNames, Store } from "@chouette-iot/queue";
import {
  decodeReadySketch,
  milliseconds,
  type ReadyMetric,
  type ReceivedLog,
  type Seconds,
  seconds,
  toMilliseconds,
  toSeconds,
} from "@chouette-iot/record";
import { seriesFilter } from "./aggregation/series-filter.js";
import { openCollectors } from "./collectors/open-collectors.js";
import { type Rounds, startCollectors } from "./collectors/rounds.js";
import type { CollectorStatus } from "./collectors/runner.js";
import type { Config } from "./config/config.js";
import { OUTPUTS } from "./config/outputs.js";
import { redisAddress } from "./config/redis-address.js";
import { ByteBudget, type HeldBack } from "./dispatch/byte-budget.js";
import { DispatchLoop } from "./dispatch/dispatch-loop.js";
import { Dispatcher, type DispatcherOptions } from "./dispatch/dispatcher.js";
import { checkDecoder, eventDecoder, logDecoder, readyDecoder } from "./dispatch/ready-decoder.js";
import type { SentBytes } from "./dispatch/sent-bytes.js";
import { watchedOutput } from "./dispatch/watched-output.js";
import { runFlushLoop } from "./flush/flush-loop.js";
import { type Flushed, Flusher } from "./flush/flusher.js";
import { runDropLog } from "./housekeeping/drop-log.js";
import { runHousekeeping } from "./housekeeping/housekeeping.js";
import type { RedisServer } from "./housekeeping/redis-evictions.js";
import { runStoreLimit } from "./housekeeping/store-limit.js";
import type { Reloadable } from "./reloadable.js";
import { rereadAfterReconnect } from "./reread-store.js";
import { checkWriter } from "./runtime/check-writer.js";
import { CLOCK_FLOOR, type Clock } from "./runtime/clock.js";
import type { Log } from "./runtime/log.js";
import { Outage } from "./runtime/outage.js";
import { readyWriter } from "./runtime/ready-writer.js";
import { LoopWatchdog } from "./runtime/watchdog.js";
import { type AllDeliveries, type Signal, withDeliveryStats } from "./status/deliveries.js";
import type { History } from "./status/history.js";
import { runHistoryStore } from "./status/history-store.js";
import { runSelfMetrics } from "./status/self-metrics.js";
import type { SeriesMeter } from "./status/series-use.js";
import type { Status } from "./status/status.js";
import { type Boot, currentBoot } from "./timekeeping/boot.js";
import { QueueLocks } from "./timekeeping/queue-locks.js";
import { Timekeeper } from "./timekeeping/timekeeper.js";

export interface Pipeline {
  readonly outages: readonly Outage[];
  collectors(): readonly CollectorStatus[];
  /** What each collector measured last, by its name. */
  lastReady(): ReadonlyMap<string, readonly ReadyMetric[]>;
  /** By the day's byte budget. */
  heldBack(): HeldBack;
  /** Of flush and dispatch. */
  readonly watchdogs: readonly LoopWatchdog[];
  /** When the raw queue was last gone through without a failure (Unix time); undefined before the first time. */
  flushedAt(): Seconds | undefined;
  stop(): Promise<void>;
}

export interface Dependencies extends Reloadable {
  readonly config: Config;
  readonly log: Log;
  readonly clock: Clock;
  readonly store: Store;
  readonly queues: QueueNames;
  readonly storeOutage: Outage;
  /** The agent's own store; undefined with Redis. */
  readonly embedded?: BrokerStore;
  /** In bytes, of the agent's own store if STORE_MAX_BYTES isn't set. */
  readonly defaultLimit?: number;
  /** The Redis server, if that is the store. */
  readonly server?: RedisServer;
  readonly sentBytes: SentBytes;
  readonly deliveries: AllDeliveries;
  readonly series: SeriesMeter;
  /** To be kept in the store; undefined without a status server. */
  readonly history?: History;
  /** The device's, if not given. */
  readonly boot?: Boot;
  status(): Promise<Status>;
}

/** @param lost aborted when another agent becomes the leader */
export function startPipeline(dependencies: Dependencies, lost: AbortSignal): Pipeline {
  const { config, clock, store, queues, log, storeOutage, status } = dependencies;
  const watchdogs = {
    flush: new LoopWatchdog("flush", clock),
    metrics: new LoopWatchdog("metrics dispatch", clock),
    logs: new LoopWatchdog("logs dispatch", clock),
    sketches: new LoopWatchdog("sketches dispatch", clock),
    events: new LoopWatchdog("events dispatch", clock),
    checks: new LoopWatchdog("checks dispatch", clock),
  };
  // The flush and the timekeeper remember what the store says of windows and of the clock.
  const flushDependencies = watch({ ...dependencies, store: rereadAfterReconnect(store) }, watchdogs.flush);
  const { maxDeadLetters, deadLetterTtl, selfMetrics } = config.settings;
  const maxBytes = config.settings.storeMaxBytes ?? dependencies.defaultLimit;
  const locks = new QueueLocks();
  const timekeeper = new Timekeeper({
    ...flushDependencies,
    locks,
    boot: dependencies.boot ?? currentBoot(),
    interval: config.interval,
  });
  const flusher = newFlusher(flushDependencies, timekeeper);
  const { metrics, logs, others, budget } = wireDispatch(
    dependencies,
    { timekeeper, locks },
    flusher,
    watchdogs,
  );
  const dispatches = [metrics, logs, ...others];
  const flushOutage = new Outage("flush", clock, log, "failing");
  let flushedAt: Seconds | undefined;
  const flushing = wireFlush({ ...flushDependencies, flusher, flushOutage }, timekeeper, {
    onFlushed: ({ ready }) => {
      flushedAt = toSeconds(clock.now());
      // People want to see a window as soon as it closes; everything else waits for the release interval.
      if (ready > 0 && OUTPUTS[config.output].isForPeople) for (const { loop } of dispatches) loop.wake();
    },
    onClockTrusted: () => {
      for (const { loop } of dispatches) loop.wake();
    },
  });
  const housekeepingOutage = new Outage("housekeeping", clock, log, "failing");
  const outages = { store: storeOutage, own: housekeepingOutage };
  const limits = { maxRecords: maxDeadLetters, ttl: seconds(deadLetterTtl) };
  const ending = new AbortController();
  const signal = AbortSignal.any([ending.signal, lost]);
  const loops = [
    flushing(signal),
    ...dispatches.map(({ loop }) => loop.run(signal)),
    runDropLog({ store, queues, clock, log }, signal),
    runHousekeeping({ store, queues, clock, limits, outages, maxBytes, server: dependencies.server }, signal),
  ];
  const roomOutage = new Outage("embedded store", clock, log, "full");
  const limitOutage = new Outage("store limit", clock, log, "failing");
  const { embedded } = dependencies;
  if (embedded !== undefined && maxBytes !== undefined) {
    const bytes = () => embedded.bytes();
    const ownOutages = { store: storeOutage, own: limitOutage };
    const options = { store, queues, clock, outages: ownOutages, roomOutage, bytes, maxBytes };
    const unlessMoving = (step: () => Promise<void>) => locks.using(Object.values(queues), step);
    loops.push(runStoreLimit({ ...options, unlessMoving }, signal));
  }
  if (selfMetrics && !OUTPUTS[config.output].isForPeople) {
    const every = config.releaseInterval;
    const write = readyWriter(store, queues.readyMetrics, "self", config.settings.globalTags);
    const writeCheck = checkWriter(store, queues.checks);
    loops.push(runSelfMetrics({ write, writeCheck, clock, every, status }, signal));
  }
  const { history } = dependencies;
  if (history !== undefined) loops.push(runHistoryStore({ store, history, clock }, signal));
  const collecting = wireCollectors(dependencies);
  return {
    outages: [
      flushOutage,
      ...dispatches.flatMap((dispatch) => dispatch.outages),
      housekeepingOutage,
      roomOutage,
      limitOutage,
    ],
    watchdogs: Object.values(watchdogs),
    flushedAt: () => flushedAt,
    collectors: () => collecting.status(),
    lastReady: () => collecting.lastReady(),
    heldBack: () => budget.heldBack({ metrics: metrics.dispatcher.heldBack, logs: logs.dispatcher.heldBack }),
    stop: async () => {
      ending.abort();
      await Promise.all([...loops, collecting.stop()]);
    },
  };
}

/** The dependencies of a loop, with its steps watched. */
function watch(dependencies: Dependencies, watchdog: LoopWatchdog): Dependencies {
  return { ...dependencies, store: watchdog.store(dependencies.store), clock: watchdog.clock() };
}

function newFlusher({ config, clock, store, queues, wrap }: Dependencies, timekeeper: Timekeeper): Flusher {
  const { interval, grace } = config;
  return new Flusher({
    ...{ store, queues, wrap, interval, grace },
    clock: trustedClock(clock, timekeeper),
    ttl: config.metricTtl,
    globalTags: config.settings.globalTags,
    filter: seriesFilter(config.settings),
    floor: CLOCK_FLOOR,
  });
}

function wireFlush(
  dependencies: Dependencies & { readonly flusher: Flusher; readonly flushOutage: Outage },
  timekeeper: Timekeeper,
  { onFlushed, onClockTrusted }: { onFlushed(flushed: Flushed): void; onClockTrusted(): void },
): (signal: AbortSignal) => Promise<void> {
  const { config, log, clock, storeOutage, flusher, flushOutage } = dependencies;
  const { interval, grace } = config;
  const checkClock = async () => {
    const wasTrusted = timekeeper.isTrusted;
    const checked = await timekeeper.check();
    if (checked.isTrusted && !wasTrusted) onClockTrusted();
    return checked;
  };
  const outages = { store: storeOutage, own: flushOutage };
  const loop = { flusher, clock, log, interval, grace, outages, checkClock, onFlushed };
  return (signal) => runFlushLoop(loop, signal);
}

/** The clock for whoever judges records by their age: a jump shows in it once the records are moved as well. */
function trustedClock(clock: Clock, timekeeper: Timekeeper): Clock {
  return {
    now: () => timekeeper.now(),
    monotonic: () => clock.monotonic(),
    sleep: (duration, signal) => clock.sleep(duration, signal),
  };
}

interface Timekeeping {
  readonly timekeeper: Timekeeper;
  readonly locks: QueueLocks;
}

/** In seconds. */
const MAX_SKETCH_AGE = 3_600;

function wireDispatch(
  dependencies: Dependencies,
  timekeeping: Timekeeping,
  flusher: Flusher,
  watchdogs: Readonly<Record<Signal, LoopWatchdog>>,
) {
  const { config, clock, queues, sentBytes, outputs, deliveries, series } = dependencies;
  const { bulkSize, logsBulkSize, logTtl, dailyByteBudget = Number.POSITIVE_INFINITY } = config.settings;
  const budget = new ByteBudget(dailyByteBudget, sentBytes);
  const { place } = OUTPUTS[config.output];
  const metrics = wireQueue(watch(dependencies, watchdogs.metrics), timekeeping, place, "metrics dispatch", {
    queue: queues.readyMetrics,
    output: withDeliveryStats(watchedOutput(outputs.metrics, watchdogs.metrics), {
      deliveries: deliveries.metrics,
      clock,
      timeOf: timeOfMetric,
      onDelivered: (batch, bytes) => series.add(batch, bytes),
    }),
    decode: readyDecoder(config.settings.globalTags),
    // Asked before each batch: it is also how a dispatch ends early for the clock's sake.
    admission: () => timekeeping.timekeeper.isTrusted && budget.metrics(),
    batchSize: bulkSize,
    ttl: config.metricTtl,
    // What another agent left must be distinguished from what this one makes before any of it is sent.
    hasBegun: () => flusher.hasBegun,
  });
  const logs = wireQueue(watch(dependencies, watchdogs.logs), timekeeping, `${place} logs`, "logs dispatch", {
    queue: queues.logs,
    output: withDeliveryStats(watchedOutput(outputs.logs, watchdogs.logs), {
      deliveries: deliveries.logs,
      clock,
      timeOf: (log) => timeOfLog(log, clock),
    }),
    decode: logDecoder(config.settings.globalTags),
    admission: () => timekeeping.timekeeper.isTrusted && budget.logs(),
    batchSize: logsBulkSize,
    ttl: seconds(logTtl),
    hasBegun: () => true,
  });
  const sketches = wireQueue(
    watch(dependencies, watchdogs.sketches),
    timekeeping,
    `${place} sketches`,
    "sketches dispatch",
    {
      queue: queues.sketches,
      output: withDeliveryStats(watchedOutput(outputs.sketches, watchdogs.sketches), {
        deliveries: deliveries.sketches,
        clock,
        timeOf: ({ at }) => at,
      }),
      decode: decodeReadySketch,
      admission: () => timekeeping.timekeeper.isTrusted,
      batchSize: bulkSize,
      // Datadog takes older points of other metrics, if that is switched on; of distributions it never does.
      ttl: seconds(Math.min(config.metricTtl, MAX_SKETCH_AGE)),
      hasBegun: () => true,
    },
  );
  const events = wireQueue(
    watch(dependencies, watchdogs.events),
    timekeeping,
    `${place} events`,
    "events dispatch",
    {
      queue: queues.events,
      output: withDeliveryStats(watchedOutput(outputs.events, watchdogs.events), {
        deliveries: deliveries.events,
        clock,
        timeOf: ({ date_happened }) => date_happened,
      }),
      decode: eventDecoder(config.settings.globalTags),
      admission: () => timekeeping.timekeeper.isTrusted,
      // Datadog takes one a request.
      batchSize: 1,
      // Datadog takes events of 18 hours, as it does logs.
      ttl: seconds(logTtl),
      hasBegun: () => true,
    },
  );
  const checks = wireQueue(
    watch(dependencies, watchdogs.checks),
    timekeeping,
    `${place} checks`,
    "checks dispatch",
    {
      queue: queues.checks,
      output: withDeliveryStats(watchedOutput(outputs.checks, watchdogs.checks), {
        deliveries: deliveries.checks,
        clock,
        timeOf: ({ timestamp }) => timestamp,
      }),
      decode: checkDecoder(config.settings.globalTags),
      admission: () => timekeeping.timekeeper.isTrusted,
      batchSize: bulkSize,
      ttl: config.metricTtl,
      hasBegun: () => true,
    },
  );
  return { metrics, logs, others: [sketches, events, checks], budget };
}

/**
 * @param place where the records go, to begin a sentence
 * @param name of the loop, likewise
 */
function wireQueue<T>(
  { config, log, clock, store, queues, sentBytes, storeOutage }: Dependencies,
  { timekeeper, locks }: Timekeeping,
  place: string,
  name: string,
  {
    hasBegun,
    ...options
  }: Pick<DispatcherOptions<T>, "queue" | "output" | "decode" | "admission" | "batchSize" | "ttl"> & {
    /** Whether the queue may be dispatched at all. */
    hasBegun(): boolean;
  },
): {
  readonly dispatcher: Dispatcher<T>;
  readonly loop: DispatchLoop<T>;
  readonly outages: readonly Outage[];
} {
  const { releaseInterval, interval, grace, settings } = config;
  const dispatcher = new Dispatcher({
    ...options,
    store,
    clock: trustedClock(clock, timekeeper),
    sentBytes,
    rejectedQueue: queues.rejected,
    // A release's worth of windows, and those that closed last.
    fresh: seconds(settings.releaseInterval + 2 * interval + grace),
  });
  const outputOutage = new Outage(place, clock, log);
  const ownOutage = new Outage(name, clock, log, "failing");
  const loop = new DispatchLoop({
    name: place,
    dispatcher,
    output: options.output,
    clock,
    log,
    releaseInterval,
    loopOutages: { store: storeOutage, own: ownOutage },
    outputOutage,
    whileClockHolds: async (step) =>
      timekeeper.isTrusted && hasBegun() ? locks.using([options.queue], step) : undefined,
  });
  return { dispatcher, loop, outages: [outputOutage, ownOutage] };
}

function timeOfMetric({ points: [first] }: ReadyMetric): Seconds {
  return first?.[0] ?? seconds(0);
}

/** A log that gives itself no time is from now. */
function timeOfLog({ date }: ReceivedLog, clock: Clock): Seconds {
  // A client may have put anything there, even what has no text.
  const time = typeof date === "string" ? Date.parse(date) : Number.NaN;
  return toSeconds(Number.isNaN(time) ? clock.now() : milliseconds(time));
}

function wireCollectors({ config, log, clock, store, queues }: Dependencies): Rounds {
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
