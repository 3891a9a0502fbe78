/** The dispatch loops, one per signal, and how the signals differ. */
import type { QueueNames, Store } from "@chouette-iot/queue";
import {
  bySignal,
  decodeReadySketch,
  milliseconds,
  type ReadyMetric,
  type ReceivedLog,
  type Seconds,
  type Signal,
  type SignalRecords,
  seconds,
  toSeconds,
} from "@chouette-iot/record";
import { type Config, INGESTED_POINT_AGE } from "./config/config.js";
import { OUTPUTS } from "./config/outputs.js";
import { attemptedOutput } from "./dispatch/attempted-output.js";
import { ByteBudget, type DeferredCounts, type SendPolicy } from "./dispatch/byte-budget.js";
import { DispatchLoop } from "./dispatch/dispatch-loop.js";
import { Dispatcher, type DispatcherOptions } from "./dispatch/dispatcher.js";
import { checkDecoder, eventDecoder, logDecoder, readyDecoder } from "./dispatch/ready-decoder.js";
import type { SentBytes } from "./dispatch/sent-bytes.js";
import { watchedOutput } from "./dispatch/watched-output.js";
import type { Outputs } from "./outputs/open-outputs.js";
import type { Output } from "./outputs/output.js";
import type { AttemptedTimes } from "./runtime/attempted-times.js";
import type { Clock } from "./runtime/clock.js";
import type { Log } from "./runtime/log.js";
import type { NewOutage, Outage } from "./runtime/outage.js";
import { LoopWatchdog } from "./runtime/watchdog.js";
import { type AllDeliveries, type DeliveryStatsOptions, withDeliveryStats } from "./status/deliveries.js";
import type { SeriesMeter } from "./status/series-use.js";
import type { QueueLocks } from "./timekeeping/queue-locks.js";
import type { Timekeeper } from "./timekeeping/timekeeper.js";

export interface DispatchesOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Store;
  readonly storeOutage: Outage;
  readonly newOutage: NewOutage;
  readonly queues: QueueNames;
  readonly outputs: Outputs;
  readonly meters: DeliveryMeters;
}

/** What was sent and delivered. */
export interface DeliveryMeters {
  /** Kept in the store; the other two count from the agent's start. */
  readonly sentBytes: SentBytes;
  readonly deliveries: AllDeliveries;
  readonly series: SeriesMeter;
}

/** Determines when a queue may be dispatched. */
export interface DispatchGate {
  readonly timekeeper: Timekeeper;
  readonly locks: QueueLocks;
  /** False until the flush can distinguish this agent's ready metrics from another's. Metrics aren't dispatched before. */
  areMetricsClaimed(): boolean;
  /** Receives the times of metrics that may have been delivered; undefined if nothing needs them. */
  readonly attempted: AttemptedTimes | undefined;
}

export interface Dispatches {
  readonly outages: readonly Outage[];
  readonly watchdogs: readonly LoopWatchdog[];
  /** Numbers of records held back because a byte budget is used up. */
  deferred(): DeferredCounts;
  /** Dispatches now, except to outputs that wait after a failure. */
  wake(): void;
  /** Starts the loops; each ends when the signal is aborted. */
  run(signal: AbortSignal): readonly Promise<void>[];
}

/** How one signal differs from the others. */
interface Kind<T>
  extends Pick<DispatcherOptions<T>, "queue" | "decode" | "sendPolicy" | "batchSize" | "ttl">,
    Pick<DeliveryStatsOptions<T>, "timeOf" | "onDelivered"> {
  /** Datadog ingests older records only if the account has that enabled (DATADOG_HISTORICAL); undefined if it always does. */
  readonly ingestedAge: Seconds | undefined;
  /** Whether the queue may be dispatched at all. */
  hasBegun(): boolean;
}

type Kinds = { readonly [S in Signal]: Kind<SignalRecords[S]> };

const INGESTED_LOG_AGE = seconds(18 * 3_600);

export function newDispatches(options: DispatchesOptions, gate: DispatchGate): Dispatches {
  const { config, clock, queues, meters } = options;
  const { dailyByteBudget: perDay, monthlyByteBudget: perMonth } = config.settings;
  const budget = new ByteBudget({ perDay, perMonth }, meters.sentBytes);
  const { metrics } = options.outputs;
  const outputs: Outputs = {
    ...options.outputs,
    metrics: gate.attempted === undefined ? metrics : attemptedOutput(metrics, gate.attempted),
  };
  const kinds: Kinds = kindsOf({ config, clock, queues, budget, series: meters.series, gate });
  const dispatches = bySignal(<S extends Signal>(signal: S) =>
    newDispatch(signal, kinds[signal], outputs[signal], options, gate),
  );
  const all = Object.values(dispatches);
  return {
    outages: all.flatMap(({ outages }) => outages),
    watchdogs: all.map(({ watchdog }) => watchdog),
    deferred: () =>
      budget.deferred({
        metrics: dispatches.metrics.dispatcher.deferred,
        logs: dispatches.logs.dispatcher.deferred,
      }),
    wake: () => {
      for (const { loop } of all) loop.wake();
    },
    run: (signal) => all.map(({ loop }) => loop.run(signal)),
  };
}

function kindsOf({
  config,
  clock,
  queues,
  budget,
  series,
  gate,
}: Pick<DispatchesOptions, "config" | "clock" | "queues"> & {
  readonly budget: ByteBudget;
  readonly series: SeriesMeter;
  readonly gate: DispatchGate;
}): Kinds {
  const { metricTtl, settings } = config;
  const { bulkSize, logsBulkSize, globalTags } = settings;
  const logTtl = seconds(settings.logTtl);
  const any = {
    sendPolicy: () => true,
    hasBegun: () => true,
    onDelivered: undefined,
    ingestedAge: undefined,
  };
  return {
    metrics: {
      queue: queues.readyMetrics,
      decode: readyDecoder(globalTags),
      timeOf: timeOfMetric,
      sendPolicy: () => budget.metrics(),
      hasBegun: () => gate.areMetricsClaimed(),
      batchSize: bulkSize,
      ttl: metricTtl,
      ingestedAge: INGESTED_POINT_AGE,
      onDelivered: (batch, bytes) => series.add(batch, bytes),
    },
    logs: {
      ...any,
      queue: queues.logs,
      decode: logDecoder(globalTags),
      timeOf: (log) => timeOfLog(log, clock),
      sendPolicy: () => budget.logs(),
      batchSize: logsBulkSize,
      ttl: logTtl,
      ingestedAge: INGESTED_LOG_AGE,
    },
    sketches: {
      ...any,
      queue: queues.sketches,
      decode: decodeReadySketch,
      timeOf: ({ at }) => at,
      batchSize: bulkSize,
      ttl: seconds(Math.min(metricTtl, INGESTED_POINT_AGE)),
    },
    events: {
      ...any,
      queue: queues.events,
      decode: eventDecoder(globalTags),
      timeOf: ({ date_happened }) => date_happened,
      // Datadog accepts one event per request, with the age limit of logs.
      batchSize: 1,
      ttl: logTtl,
      ingestedAge: INGESTED_LOG_AGE,
    },
    checks: {
      ...any,
      queue: queues.checks,
      decode: checkDecoder(globalTags),
      timeOf: ({ timestamp }) => timestamp,
      batchSize: bulkSize,
      ttl: metricTtl,
    },
  };
}

function newDispatch<T>(
  signal: Signal,
  { queue, decode, batchSize, ttl, ingestedAge, hasBegun, sendPolicy, timeOf, onDelivered }: Kind<T>,
  output: Output<T>,
  { config, clock, log, store, storeOutage, newOutage, queues, meters }: DispatchesOptions,
  { timekeeper, locks }: DispatchGate,
) {
  const { sentBytes, deliveries } = meters;
  const watchdog = new LoopWatchdog(`${signal} dispatch`, clock);
  const watched = withDeliveryStats(watchedOutput(output, watchdog), {
    deliveries: deliveries[signal],
    ...{ clock, timeOf, onDelivered },
    ingestedAge: config.settings.historical === "on" ? undefined : ingestedAge,
  });
  const dispatcher = new Dispatcher<T>({
    ...{ queue, decode, batchSize, ttl, sentBytes },
    maxAge: config.settings.historical === "off" ? ingestedAge : undefined,
    output: watched,
    store: watchdog.store(store),
    clock: timekeeper.trusted(clock),
    rejectedQueue: queues.rejected,
    remembered: deliveries[signal].remembered,
    // Called before each page, so that a dispatch ends early if the clock jumps.
    sendPolicy: (): SendPolicy<T> => timekeeper.isTrusted && sendPolicy(),
    // The windows that have closed since the last release.
    fresh: seconds(config.settings.releaseInterval + config.windows.interval + config.windows.maxAge),
  });
  const { place } = OUTPUTS[config.output];
  const name = signal === "metrics" ? place : `${place} ${signal}`;
  const outputOutage = newOutage(name);
  const ownOutage = newOutage(`${signal} dispatch`, "failing");
  const loop = new DispatchLoop<T>({
    ...{ name, dispatcher, log, outputOutage },
    output: watched,
    clock: watchdog.clock(),
    releaseInterval: config.releaseInterval,
    loopOutages: { store: storeOutage, own: ownOutage },
    whileClockHolds: async (step) =>
      timekeeper.isTrusted && hasBegun() ? locks.using([queue], step) : undefined,
  });
  return { dispatcher, loop, watchdog, outages: [outputOutage, ownOutage] };
}

function timeOfMetric({ points: [first] }: ReadyMetric): Seconds {
  return first?.[0] ?? seconds(0);
}

/** A log without its own time is from now. */
function timeOfLog({ date }: ReceivedLog, clock: Clock): Seconds {
  // A client may have written any value there, not only strings.
  const time = typeof date === "string" ? Date.parse(date) : Number.NaN;
  return toSeconds(Number.isNaN(time) ? clock.now() : milliseconds(time));
}
