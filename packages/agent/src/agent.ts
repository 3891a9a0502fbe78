/**
 * The agent: its life from start to stop. Its modules are wired together in `pipeline.ts`. A record's way through them:
 *
 *   clients ──► ingest ──► raw queue ──► flush ──► ready queue ──► dispatch ──► output ──► Datadog
 *               (the embedded broker;    (aggregation,             (batches,
 *                with Redis, the server)  wrapper)                  retry, settle)
 *
 * Each queue is in the store. What leaves one and enters the next does so in one settlement, so that the agent
 * can end anywhere, in whatever way, and the next start goes on from there.
 */
import { once } from "node:events";
import { queueNames, type Store, withStoreErrors } from "@chouette-iot/queue";
import type { RedisStore } from "@chouette-iot/queue/redis";
import type { Config } from "./config/config.js";
import { SentBytes } from "./dispatch/sent-bytes.js";
import { startStatsd } from "./ingest/dogstatsd/listener.js";
import { inheritedDescriptors } from "./ingest/dogstatsd/unix-datagrams.js";
import { warmUp } from "./ingest/redis-protocol/warm-up.js";
import { type LeaderOptions, runAsLeader } from "./lease/leader.js";
import { Lifecycle } from "./lifecycle.js";
import { openStore } from "./open-store.js";
import { WireMeter } from "./outputs/wire-meter.js";
import { type Pipeline, startPipeline } from "./pipeline.js";
import { closeReloadable, openReloadable, type Reloadable } from "./reloadable.js";
import { shownAddress } from "./runtime/address.js";
import { type Clock, systemClock } from "./runtime/clock.js";
import type { Log } from "./runtime/log.js";
import { Outage } from "./runtime/outage.js";
import { LoopWatchdog } from "./runtime/watchdog.js";
import { startAdminServers } from "./status/admin-servers.js";
import { newAllDeliveries } from "./status/deliveries.js";
import { History } from "./status/history.js";
import { OutageLog } from "./status/outage-log.js";
import { RateMeter } from "./status/rates.js";
import { RecordTap } from "./status/record-tap.js";
import { SeriesMeter } from "./status/series-use.js";
import { readStatus, type Status } from "./status/status.js";
import { type BrokerMemory, storeSnapshots } from "./status/store-snapshot.js";
import { currentBoot } from "./timekeeping/boot.js";

export interface Agent {
  /**
   * Goes on with other settings. Those of the store and of what listens stay as they were at the start. Resolves with
   * false if the pipeline couldn't be started with them, which is in the log; rejects if they can't be used.
   */
  reload(config: Config): Promise<boolean>;
  status(): Promise<Status>;
  /** Has the embedded broker, once it has a client, answer as fast as it can. To be called when the start is over; never rejects. */
  warmUp(): Promise<void>;
  /** A sentence for each loop that has hung; empty while the agent is alive. */
  stalled(): readonly string[];
  /** Ends it in order: what it holds is in its queues. A body that is out gets some seconds for its answer. */
  stop(): Promise<void>;
}

/** The store to work on, and what is remembered of it for as long as nobody else works on it. */
interface Leadership {
  readonly store: Store;
  readonly sentBytes: SentBytes;
  readonly lost: AbortSignal;
}

/**
 * @param onProgress called while a large store is read
 *
 * Rejects if a file or module that a setting names can't be used, or where the embedded broker can't be: its
 * port is taken, or its folder can't be written.
 */
export async function startAgent(
  config: Config,
  log: Log,
  clock: Clock = systemClock,
  onProgress = () => {},
): Promise<Agent> {
  const wireMeter = new WireMeter();
  const reloadable = await openReloadable(config, wireMeter);
  const { store, engine, outages } = await openStore(config, log, clock, onProgress);
  const embedded = engine.kind === "embedded" ? engine : undefined;
  const tap = new RecordTap(queueNames());
  const history = new History();
  const wiring = {
    log,
    clock,
    store,
    queues: queueNames(),
    storeOutage: new Outage("store", clock, log),
    engine,
    boot: currentBoot(),
    deliveries: newAllDeliveries(),
    series: new SeriesMeter(),
    history: config.settings.http === "off" ? undefined : history,
    status: (): Promise<Status> => readStatus(source),
  };
  const leaseOutage = new Outage("lease", clock, log, "failing");
  const lifecycle = new Lifecycle<Config, Reloadable, Leadership, Pipeline>(config, reloadable, {
    open: (settings) => openReloadable(settings, wireMeter),
    close: closeReloadable,
    start: (leadership, settings, opened) =>
      startPipeline({ ...wiring, ...leadership, ...opened, config: settings }, leadership.lost),
    onFailure: (error) =>
      log.error(
        { err: error },
        "the pipeline failed to start or stop; the next change of settings or lease retries",
      ),
  });
  // The embedded store is this process's alone: there is no lease to see to.
  const lease = config.storage === "redis" ? new LoopWatchdog("lease", clock) : undefined;
  const work = () => lifecycle.pipeline;
  const stalled = () =>
    [lease, ...(work()?.watchdogs ?? [])].flatMap((watchdog) => watchdog?.stallReason() ?? []);
  const source = {
    ...wiring,
    started: clock.monotonic(),
    rates: new RateMeter(),
    history,
    tap,
    outageLog: new OutageLog(),
    embedded: embedded?.store,
    brokerCounters: embedded?.broker.counters,
    brokerAddress: () =>
      engine.kind === "redis" ? engine.server.server : embedded && shownAddress(embedded.broker.address),
    config: () => lifecycle.config,
    outages: () =>
      [wiring.storeOutage, leaseOutage, ...outages, ...statsd.outages, ...(work()?.outages ?? [])].map(
        (outage) => outage.report(),
      ),
    collectors: () => work()?.collectors() ?? [],
    lastReady: () => work()?.lastReady() ?? new Map(),
    snapshot: storeSnapshots(
      store,
      wiring.queues,
      clock,
      engine.kind === "redis" ? () => memoryOf(engine.server) : undefined,
    ),
    deferred: () => work()?.deferred(),
    flushedAt: () => work()?.flushedAt(),
    stalled,
    statsd: () => statsd.status(),
  };
  const statsd = await startStatsd({
    ...wiring,
    addresses: [
      ...config.settings.statsd,
      ...inheritedDescriptors(process.env, process.pid).map((fd) => ({ kind: "descriptor", fd }) as const),
    ],
    retries: config.sources.has("statsd"),
    withOrigin: config.settings.statsdOriginTags,
    signedGaugesAreSteps: config.settings.statsdSignedGauges === "statsd",
  });
  const ending = new AbortController();
  const ended = workOn(config.storage, ending.signal, {
    ...wiring,
    // By its sleeps alone: the store is the work's as well, whose steps are not the lease's.
    clock: lease?.clock() ?? clock,
    outages: { store: wiring.storeOutage, own: leaseOutage },
    begin: (workStore, lost) => {
      const store = tap.store(withStoreErrors(workStore));
      lifecycle.lead({ store, sentBytes: new SentBytes(store, clock, wireMeter), lost });
    },
    // Reported by the lifecycle; the lease is free for another agent all the same.
    end: () => lifecycle.follow().catch(() => {}),
  });
  const adminServers = await startAdminServers(source, log, async () => {
    const { openDashboard } = await import("./dashboard/dashboard.js");
    return openDashboard(source);
  });
  let warmingUp = Promise.resolve();
  const warmUpBroker = async () => {
    if (embedded === undefined) return;
    // Without clients it would cost processor time and memory for nothing.
    if (!(await embedded.broker.firstClient)) return;
    const { openScratchStore } = await import("@chouette-iot/queue/embedded/scratch");
    const calls = await warmUp(openScratchStore, ending.signal);
    log.debug({ calls }, "embedded broker warmed up");
  };
  return {
    stalled,
    status: wiring.status,
    warmUp: () => {
      warmingUp = warmUpBroker().catch((error) => log.debug({ err: error }, "broker not warmed up"));
      return warmingUp;
    },
    reload: (next) => lifecycle.reload(next),
    stop: async () => {
      ending.abort();
      // Beside one another: those who look wait for the store, which may hang.
      await Promise.all([ended.then(() => lifecycle.stop()), adminServers.close()]);
      await statsd.close();
      await embedded?.broker.close();
      await warmingUp;
      await store.close();
    },
  };
}

/** On a server that others share, one agent works at a time; the embedded store is this process's alone. */
async function workOn(
  storage: Config["storage"],
  signal: AbortSignal,
  options: LeaderOptions,
): Promise<void> {
  if (storage === "redis") return runAsLeader(options, signal);
  options.begin(options.store, new AbortController().signal);
  await once(signal, "abort");
  await options.end();
}

async function memoryOf(server: RedisStore): Promise<BrokerMemory | undefined> {
  const info = await server.serverInfo();
  if (info === undefined) return undefined;
  const { usedMemory: usedBytes, maxMemory: maxBytes } = info;
  return { usedBytes, maxBytes };
}
