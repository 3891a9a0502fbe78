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
import { once } from "node:events";
import { type BrokerStore, type QueueNames, queueNames, type Store } from "@chouette-iot/queue";
import {
  decodeLog,
  decodeReadyMetric,
  milliseconds,
  type ReadyMetric,
  type ReceivedLog,
  type Seconds,
  seconds,
  toMilliseconds,
  toSeconds,
} from "@chouette-iot/record";
import { type Clock, systemClock } from "./clock.js";
import { openCollectors } from "./collectors/open.js";
import { type Rounds, startCollectors } from "./collectors/rounds.js";
import type { CollectorStatus } from "./collectors/runner.js";
import type { Config } from "./config/config.js";
import { redisAddress } from "./config/redis-address.js";
import { ByteBudget } from "./dispatch/byte-budget.js";
import { DispatchLoop } from "./dispatch/dispatch-loop.js";
import { Dispatcher, type DispatcherOptions } from "./dispatch/dispatcher.js";
import { runRejectedLoop } from "./dispatch/rejected-queue.js";
import { SentBytes } from "./dispatch/sent-bytes.js";
import { runFlushLoop } from "./flush/flush-loop.js";
import { Flusher } from "./flush/flusher.js";
import { type RunningBroker, startBroker } from "./ingest/broker/listener.js";
import { type StandByOptions, workUnderLease } from "./lease/stand-by.js";
import type { Log } from "./log.js";
import { Outage } from "./outage.js";
import { type Outputs, openDatadog, openStdout } from "./outputs/open.js";
import { readyWriter } from "./ready-writer.js";
import { counted, type Deliveries, newDeliveries } from "./status/deliveries.js";
import { startOperation } from "./status/operation.js";
import { RateMeter } from "./status/rates.js";
import { runSelfMetrics } from "./status/self-metrics.js";
import { readStatus, type Status } from "./status/status.js";
import { runStoreCap } from "./store-cap.js";
import { currentBoot } from "./timekeeping/boot.js";
import { CLOCK_FLOOR, Timekeeper } from "./timekeeping/timekeeper.js";
import { loadWrapper } from "./wrappers/load.js";
import type { Wrap } from "./wrappers/wrapper.js";

export interface Agent {
  /** Goes on with other settings. Those of the store and of what listens stay as they were at the start. */
  reload(config: Config): Promise<void>;
  /** Ends it in order: what it holds is in its queues. */
  stop(): Promise<void>;
}

const FIRST_CONNECTION = milliseconds(2_000);

/**
 * Rejects where a file or module that a setting names can't be used, or where the embedded broker can't be: its
 * port is taken, or its folder can't be written.
 */
export async function startAgent(config: Config, log: Log, clock: Clock = systemClock): Promise<Agent> {
  let parts = await openParts(config);
  const { store, broker, embedded } = await openStore(config, log, clock);
  const wiring = {
    log,
    clock,
    store,
    queues: queueNames(),
    storeOutage: new Outage("The store", clock, log),
    ...(embedded === undefined ? {} : { embedded }),
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
    outages: () => [wiring.storeOutage, ...(work?.outages ?? [])].map((outage) => outage.report()),
    collectors: () => work?.collectors() ?? [],
  };
  /** Undefined while this agent stands by. */
  let work: Work | undefined;
  let begin: (() => Work) | undefined;
  const ending = new AbortController();
  const ended = workOn(config.storage, ending.signal, {
    ...wiring,
    outage: wiring.storeOutage,
    begin: (workStore, lost) => {
      const own = { store: workStore, sentBytes: new SentBytes(workStore, clock) };
      begin = () => startWork({ ...wiring, ...own, config: current, ...parts }, lost);
      work = begin();
    },
    end: async () => {
      const ended = work;
      work = undefined;
      begin = undefined;
      await ended?.stop();
    },
  });
  const operation = await startOperation(source, log);
  return {
    reload: async (next) => {
      // First of all, since it may fail: then the work goes on as it was.
      const nextParts = await openParts(next);
      await work?.stop();
      await closeOutputs(parts);
      current = next;
      parts = nextParts;
      work = begin?.();
    },
    stop: async () => {
      await operation.close();
      ending.abort();
      await ended;
      await closeOutputs(parts);
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

/** What can't be used is found out here, before anything is done with it. */
async function openParts(config: Config): Promise<Parts> {
  const { settings } = config;
  return { wrap: await loadWrapper(settings.wrapper, settings), outputs: await openOutputs(config) };
}

interface Parts {
  readonly wrap: Wrap;
  readonly outputs: Outputs;
}

async function closeOutputs({ outputs }: Parts): Promise<void> {
  await outputs.metrics.close();
  await outputs.logs.close();
}

/** On a server that others share, one agent works at a time; the embedded store is this process's alone. */
async function workOn(
  storage: Config["storage"],
  signal: AbortSignal,
  options: StandByOptions,
): Promise<void> {
  if (storage === "redis") return workUnderLease(options, signal);
  options.begin(options.store, new AbortController().signal);
  await once(signal, "abort");
  await options.end();
}

/** All that goes on over the store. It holds nothing that isn't there, so that it can be ended and begun again. */
function startWork(wiring: Wiring, lost: AbortSignal): Work {
  const { config, clock, store, queues, log, storeOutage, status } = wiring;
  const { rejectedMost, rejectedTtl, selfMetrics, storeMaxBytes } = config.settings;
  const timekeeper = new Timekeeper({
    ...{ store, queues, clock, log },
    boot: currentBoot(),
    interval: config.interval,
  });
  const { metrics, logs } = wireDispatch(wiring, timekeeper);
  const flushing = wireFlush(wiring, timekeeper, () => {
    // On a terminal, what is ready is to be seen; to Datadog, it goes by the release interval.
    if (config.output === "stdout") metrics.loop.kick();
  });
  const rejectedBounds = { queue: queues.rejected, most: rejectedMost, ttl: seconds(rejectedTtl) };
  const ending = new AbortController();
  const signal = AbortSignal.any([ending.signal, lost]);
  const loops = [
    flushing(signal),
    metrics.loop.run(signal),
    logs.loop.run(signal),
    runRejectedLoop({ store, clock, storeOutage, ...rejectedBounds }, signal),
  ];
  const roomOutage = new Outage("Room in the store", clock, log);
  if (wiring.embedded !== undefined && storeMaxBytes !== undefined) {
    const options = { ...{ queues, clock, storeOutage, roomOutage }, mostBytes: storeMaxBytes };
    loops.push(runStoreCap({ ...options, store: wiring.embedded }, signal));
  }
  // Whom they are printed for has no use for them.
  if (selfMetrics && config.output === "datadog") {
    const every = config.releaseInterval;
    const write = readyWriter(store, queues.readyMetrics, "self");
    loops.push(runSelfMetrics({ write, clock, every, status }, signal));
  }
  const collecting = wireCollectors(wiring);
  return {
    outages: [metrics.outage, logs.outage, roomOutage],
    collectors: () => collecting.status(),
    stop: async () => {
      ending.abort();
      await Promise.all([...loops, collecting.stop()]);
    },
  };
}

interface Wiring extends Parts {
  readonly config: Config;
  readonly log: Log;
  readonly clock: Clock;
  readonly store: Store;
  readonly queues: QueueNames;
  readonly storeOutage: Outage;
  /** The store, where it is the agent's own. */
  readonly embedded?: BrokerStore;
  readonly sentBytes: SentBytes;
  readonly deliveries: { readonly metrics: Deliveries; readonly logs: Deliveries };
  status(): Promise<Status>;
}

function wireFlush(
  wiring: Wiring,
  timekeeper: Timekeeper,
  onReady: () => void,
): (signal: AbortSignal) => Promise<void> {
  const { config, log, clock, store, queues, storeOutage, wrap } = wiring;
  const { interval, grace } = config;
  const ttl = config.metricTtl;
  const flusher = new Flusher({ store, queues, wrap, clock, interval, grace, ttl, floor: CLOCK_FLOOR });
  const checkClock = () => timekeeper.check();
  const loop = { flusher, clock, log, interval, grace, outage: storeOutage, checkClock, onReady };
  return (signal) => runFlushLoop(loop, signal);
}

function wireDispatch(wiring: Wiring, timekeeper: Timekeeper) {
  const { config, clock, queues, sentBytes, outputs, deliveries } = wiring;
  const { bulkSize, logsBulkSize, logTtl, dailyByteBudget = Number.POSITIVE_INFINITY } = config.settings;
  const budget = new ByteBudget(dailyByteBudget, sentBytes);
  const place = config.output === "datadog" ? "Datadog" : "stdout";
  const metrics = wireQueue(wiring, timekeeper, place, {
    queue: queues.readyMetrics,
    output: counted(outputs.metrics, { deliveries: deliveries.metrics, clock, timeOf: timeOfMetric }),
    decode: decodeReadyMetric,
    admission: () => budget.metrics(),
    batchSize: bulkSize,
    ttl: config.metricTtl,
  });
  const logs = wireQueue(wiring, timekeeper, `${place} for logs`, {
    queue: queues.logs,
    output: counted(outputs.logs, { deliveries: deliveries.logs, clock, timeOf: (log) => timeOfLog(log, clock) }),
    decode: decodeLog,
    admission: () => budget.logs(),
    batchSize: logsBulkSize,
    ttl: seconds(logTtl),
  });
  return { metrics, logs };
}

/** @param place where the records go, to begin a sentence */
function wireQueue<T>(
  { config, log, clock, store, queues, sentBytes, storeOutage }: Wiring,
  timekeeper: Timekeeper,
  place: string,
  options: Pick<DispatcherOptions<T>, "queue" | "output" | "decode" | "admission" | "batchSize" | "ttl">,
): { readonly loop: DispatchLoop<T>; readonly outage: Outage } {
  const { releaseInterval, interval, grace, settings } = config;
  const dispatcher = new Dispatcher({
    ...options,
    store,
    clock,
    sentBytes,
    rejectedQueue: queues.rejected,
    // A release's worth of windows, and those that closed last.
    fresh: seconds(settings.releaseInterval + 2 * interval + grace),
  });
  const outputOutage = new Outage(place, clock, log);
  const loop = new DispatchLoop({
    name: place,
    dispatcher,
    output: options.output,
    clock,
    log,
    releaseInterval,
    storeOutage,
    outputOutage,
    hasClockJumped: () => timekeeper.hasJumped,
  });
  return { loop, outage: outputOutage };
}

function timeOfMetric({ points: [first] }: ReadyMetric): Seconds {
  return first?.[0] ?? seconds(0);
}

/** A log that gives itself no time is from now. */
function timeOfLog({ date }: ReceivedLog, clock: Clock): Seconds {
  const time = Date.parse(String(date));
  return toSeconds(Number.isNaN(time) ? clock.now() : milliseconds(time));
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
): Promise<{ store: Store; broker?: RunningBroker; embedded?: BrokerStore }> {
  const { dataDirectory, commitInterval, listen, password } = config.settings;
  if (config.storage === "redis") return { store: await connectedStore(config, clock) };
  // The engine that isn't used isn't loaded: its library would take memory for nothing.
  const { openLmdbStore } = await import("@chouette-iot/queue/lmdb/open");
  const options = { directory: dataDirectory, commitInterval: milliseconds(commitInterval) };
  const { store, setAside } = await openLmdbStore(options, clock.now());
  if (setAside !== undefined)
    log.error(
      setAside,
      "the store's file was damaged: it is set aside, and what can be read of it is in a new one",
    );
  try {
    const broker = await startBroker({
      store,
      ...listen,
      log,
      ...(password === undefined ? {} : { password }),
    });
    return { store, broker, embedded: store };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** A store whose server had time to answer, so that only one that isn't there begins with an outage. */
async function connectedStore({ settings }: Config, clock: Clock): Promise<Store> {
  const { RedisStore } = await import("@chouette-iot/queue/redis");
  const waiting = new AbortController();
  const store = new RedisStore({ ...redisAddress(settings), onConnected: () => waiting.abort() });
  await clock.sleep(FIRST_CONNECTION, waiting.signal);
  return store;
}

async function openOutputs({ settings, output, datadogUrl, logsUrl }: Config): Promise<Outputs> {
  const { host, globalTags, httpProxy, httpsProxy, noProxy } = settings;
  if (output === "datadog") {
    const proxies = { http: httpProxy, https: httpsProxy, except: noProxy };
    return openDatadog({ ...settings, apiUrl: datadogUrl, logsUrl, proxies });
  }
  const write = (text: string) => process.stdout.write(text);
  return openStdout({ host, globalTags, pretty: process.stdout.isTTY, write });
}
