/**
 * The agent: the one place where its rooms are wired together. A record's way through them:
 *
 *   clients ──► ingest ──► raw queue ──► flush ──► ready queue ──► dispatch ──► output ──► Datadog
 *               (the embedded broker;    (aggregation,             (batches,
 *                with Redis, the server)  wrapper)                  retry, settle)
 *
 * Each queue is in the store. What leaves one and enters the next does so in one settlement, so that the agent
 * can end anywhere, in whatever way, and the next start goes on from there.
 */
import { type QueueNames, queueNames, type Store } from "@chouette-iot/queue";
import { LmdbStore } from "@chouette-iot/queue/lmdb";
import { RedisStore } from "@chouette-iot/queue/redis";
import {
  decodeReadyMetric,
  milliseconds,
  type ReadyMetric,
  seconds,
  toMilliseconds,
} from "@chouette-iot/record";
import { type Clock, systemClock } from "./clock.js";
import { openCollectors } from "./collectors/open.js";
import { type Rounds, startCollectors } from "./collectors/rounds.js";
import type { CollectorStatus } from "./collectors/runner.js";
import type { Config } from "./config/config.js";
import { redisAddress } from "./config/redis-address.js";
import { DispatchLoop } from "./dispatch/dispatch-loop.js";
import { Dispatcher } from "./dispatch/dispatcher.js";
import { runFlushLoop } from "./flush/flush-loop.js";
import { Flusher } from "./flush/flusher.js";
import { type RunningBroker, startBroker } from "./ingest/broker/listener.js";
import type { Log } from "./log.js";
import { Outage } from "./outage.js";
import { datadogOutput } from "./outputs/datadog.js";
import type { Output } from "./outputs/output.js";
import { stdoutOutput } from "./outputs/stdout.js";
import { readyWriter } from "./ready-writer.js";
import { counted, type Deliveries, newDeliveries } from "./status/deliveries.js";
import { startOperation } from "./status/operation.js";
import { RateMeter } from "./status/rates.js";
import { runSelfMetrics } from "./status/self-metrics.js";
import { readStatus, type Status } from "./status/status.js";
import { currentBoot } from "./timekeeping/boot.js";
import { CLOCK_FLOOR, Timekeeper } from "./timekeeping/timekeeper.js";
import { datadogWrapper } from "./wrappers/datadog.js";
import { simpleWrapper } from "./wrappers/simple.js";
import type { Wrap } from "./wrappers/wrapper.js";

export interface Agent {
  /** Goes on with other settings. Those of the store and of what listens stay as they were at the start. */
  reload(config: Config): Promise<void>;
  /** Ends it in order: what it holds is in its queues. */
  stop(): Promise<void>;
}

const FIRST_CONNECTION = milliseconds(2_000);

/** Rejects where the embedded broker can't be: its port is taken, or its folder can't be written. */
export async function startAgent(config: Config, log: Log, clock: Clock = systemClock): Promise<Agent> {
  const { store, broker } = await openStore(config, log, clock);
  const wiring = {
    log,
    clock,
    store,
    queues: queueNames(),
    storeOutage: new Outage("The store", clock, log),
    deliveries: { metrics: newDeliveries(), logs: newDeliveries() },
    status: () => readStatus(source),
  };
  let current = config;
  const source = {
    ...wiring,
    started: clock.monotonic(),
    rates: new RateMeter(),
    ...(broker === undefined ? {} : { brokerCounters: broker.counters }),
    config: () => current,
    outages: () => [wiring.storeOutage.report(), ...work.outages.map((outage) => outage.report())],
    collectors: () => work.collectors(),
  };
  let work = startWork({ ...wiring, config });
  const operation = await startOperation(source, log);
  let isEnding = false;
  return {
    reload: async (next) => {
      await work.stop();
      if (isEnding) return;
      current = next;
      work = startWork({ ...wiring, config: next });
    },
    stop: async () => {
      isEnding = true;
      await operation.close();
      await work.stop();
      await broker?.close();
      await store.close();
    },
  };
}

interface Work {
  readonly outages: readonly Outage[];
  collectors(): readonly CollectorStatus[];
  stop(): Promise<void>;
}

/** All that goes on over the store. It holds nothing that isn't there, so that it can be ended and begun again. */
function startWork(wiring: Wiring): Work {
  const { config, clock, store, queues, log, deliveries, status } = wiring;
  const timeOf = ({ points: [first] }: ReadyMetric) => first?.[0] ?? seconds(0);
  const output = counted(openOutput(config), { deliveries: deliveries.metrics, clock, timeOf });
  const outputOutage = new Outage(config.output === "datadog" ? "Datadog" : "stdout", clock, log);
  const dispatching = wireDispatch({ ...wiring, output, outputOutage });
  const flushing = wireFlush(wiring, () => {
    // On a terminal, what is ready is to be seen; to Datadog, it goes by the release interval.
    if (config.output === "stdout") dispatching.kick();
  });
  const ending = new AbortController();
  const loops = [flushing(ending.signal), dispatching.run(ending.signal)];
  // Whom they are printed for has no use for them.
  if (config.settings.selfMetrics && config.output === "datadog") {
    const every = config.releaseInterval;
    const write = readyWriter(store, queues.readyMetrics, "self");
    loops.push(runSelfMetrics({ write, clock, every, status }, ending.signal));
  }
  const collecting = wireCollectors(wiring);
  return {
    outages: [outputOutage],
    collectors: () => collecting.status(),
    stop: async () => {
      ending.abort();
      await Promise.all([...loops, collecting.stop()]);
      await output.close();
    },
  };
}

interface Wiring {
  readonly config: Config;
  readonly log: Log;
  readonly clock: Clock;
  readonly store: Store;
  readonly queues: QueueNames;
  readonly storeOutage: Outage;
  readonly deliveries: { readonly metrics: Deliveries; readonly logs: Deliveries };
  status(): Promise<Status>;
}

function wireFlush(wiring: Wiring, onReady: () => void): (signal: AbortSignal) => Promise<void> {
  const { config, log, clock, store, queues, storeOutage } = wiring;
  const { interval, grace } = config;
  const wrap = chooseWrapper(config);
  const ttl = config.metricTtl;
  const flusher = new Flusher({ store, queues, wrap, clock, interval, grace, ttl, floor: CLOCK_FLOOR });
  const timekeeper = new Timekeeper({ store, queues, clock, boot: currentBoot(), log, interval });
  const checkClock = () => timekeeper.check();
  const loop = { flusher, clock, log, interval, grace, outage: storeOutage, checkClock, onReady };
  return (signal) => runFlushLoop(loop, signal);
}

function wireDispatch(
  wiring: Wiring & { readonly output: Output<ReadyMetric>; readonly outputOutage: Outage },
): DispatchLoop<ReadyMetric> {
  const { config, log, clock, store, queues, output, storeOutage, outputOutage } = wiring;
  const dispatcher = new Dispatcher({
    store,
    queue: queues.readyMetrics,
    rejectedQueue: queues.rejected,
    output,
    clock,
    decode: decodeReadyMetric,
    batchSize: config.settings.bulkSize,
    ttl: config.metricTtl,
    // A release's worth of windows, and those that closed last.
    fresh: seconds(config.settings.releaseInterval + 2 * config.interval + config.grace),
  });
  const { releaseInterval } = config;
  return new DispatchLoop({ dispatcher, output, clock, log, releaseInterval, storeOutage, outputOutage });
}

function wireCollectors({ config, log, clock, store, queues }: Wiring): Rounds {
  const { settings } = config;
  const redis = { url: settings.redisUrl, host: settings.redisHost, port: settings.redisPort };
  return startCollectors({
    collectors: openCollectors({ settings, redis, log }),
    interval: toMilliseconds(seconds(settings.captureInterval)),
    deadline: toMilliseconds(seconds(settings.collectorDeadline)),
    clock,
    log,
    deliver: readyWriter(store, queues.readyMetrics, "collect"),
  });
}

async function openStore(
  config: Config,
  log: Log,
  clock: Clock,
): Promise<{ store: Store; broker?: RunningBroker }> {
  const { dataDirectory, commitInterval, listen, password } = config.settings;
  if (config.storage === "redis") return { store: await connectedStore(config, clock) };
  const store = new LmdbStore({ directory: dataDirectory, commitInterval: milliseconds(commitInterval) });
  try {
    const broker = await startBroker({
      store,
      ...listen,
      log,
      ...(password === undefined ? {} : { password }),
    });
    return { store, broker };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** A store whose server had time to answer, so that only one that isn't there begins with an outage. */
async function connectedStore({ settings }: Config, clock: Clock): Promise<Store> {
  const waiting = new AbortController();
  const store = new RedisStore({ ...redisAddress(settings), onConnected: () => waiting.abort() });
  await clock.sleep(FIRST_CONNECTION, waiting.signal);
  return store;
}

function chooseWrapper({ settings }: Config): Wrap {
  const { wrapper, histogramAggregates, histogramPercentiles } = settings;
  return wrapper === "simple" ? simpleWrapper : datadogWrapper({ histogramAggregates, histogramPercentiles });
}

function openOutput({ settings, output, datadogUrl }: Config): Output<ReadyMetric> {
  const { host, globalTags, seriesVersion, apiKey } = settings;
  if (output === "datadog" && apiKey !== undefined) {
    return datadogOutput({ url: datadogUrl, apiKey, host, globalTags, seriesVersion });
  }
  const write = (text: string) => process.stdout.write(text);
  return stdoutOutput({ host, globalTags, pretty: process.stdout.isTTY, write });
}
