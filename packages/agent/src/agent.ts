/**
 * An agent, from start to stop. `pipeline.ts` wires its loops together; here are the parts that outlive a pipeline.
 *
 *   clients ──► ingest ──► raw queue ──► flush ──► ready queue ──► dispatch ──► output ──► Datadog
 *               (the embedded broker;    (aggregation,             (batches,
 *                with Redis, the server)  wrapper)                  retry, settle)
 *
 * All queues are in the store, and a record moves from one to the next in a single settlement. So the agent can stop or
 * crash at any point, and the next start continues from the queues.
 */
import { once } from "node:events";
import { queueNames, type Store, withStoreErrors } from "@chouette-iot/queue";
import type { RedisStore } from "@chouette-iot/queue/redis";
import type { Config } from "./config/config.js";
import type { DashboardSource } from "./dashboard/dashboard.js";
import { SentBytes } from "./dispatch/sent-bytes.js";
import { startStatsd } from "./ingest/dogstatsd/listener.js";
import { inheritedDescriptors } from "./ingest/dogstatsd/unix-datagrams.js";
import type { RunningBroker } from "./ingest/redis-protocol/listener.js";
import { warmUp } from "./ingest/redis-protocol/warm-up.js";
import { type LeaderOptions, runAsLeader } from "./lease/leader.js";
import { Lifecycle } from "./lifecycle.js";
import { openStore, type StoreEngine } from "./open-store.js";
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
   * Applies changed settings; those of the store and of listeners apply at the next start. Resolves with false if the
   * pipeline couldn't be started with them, which is logged. Rejects if a file or module that they name can't be used.
   */
  reload(config: Config): Promise<boolean>;
  status(): Promise<Status>;
  /** Warms up the embedded broker once its first client connects. Call after the start. Never rejects. */
  warmUp(): Promise<void>;
  /** A sentence for each loop that has hung; empty while the agent is alive. */
  stalled(): readonly string[];
  /** Stops the loops, then closes the store. A request in progress gets a few seconds to complete. */
  stop(): Promise<void>;
}

/** What an agent works with while it is the leader. */
interface Leadership {
  readonly store: Store;
  readonly sentBytes: SentBytes;
  readonly lost: AbortSignal;
}

/**
 * Rejects if a file or module that a setting names can't be used, if the embedded broker's port is in use, or if its
 * folder isn't writable.
 *
 * @param onProgress called while a large store is read
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
  const queues = queueNames();
  const storeOutage = new Outage("store", clock, log);
  const leaseOutage = new Outage("lease", clock, log, "failing");
  // Only agents that may share a Redis server need a lease.
  const leaseWatchdog = config.storage === "redis" ? new LoopWatchdog("lease", clock) : undefined;
  const boot = currentBoot();
  const deliveries = newAllDeliveries();
  const series = new SeriesMeter();
  const history = new History();
  const tap = new RecordTap(queues);
  const statsd = await startStatsd({ ...statsdOptions(config), store, queues, clock, log });
  const lifecycle = new Lifecycle<Config, Reloadable, Leadership, Pipeline>(config, reloadable, {
    open: (settings) => openReloadable(settings, wireMeter),
    close: closeReloadable,
    start: ({ store, sentBytes, lost }, current, { wrap, outputs }) =>
      startPipeline(
        {
          config: current,
          clock,
          log,
          store,
          storeOutage,
          engine,
          boot,
          wrap,
          outputs,
          meters: { sentBytes, deliveries, series },
          history: config.settings.http === "off" ? undefined : history,
          status: () => readStatus(source),
        },
        lost,
      ),
    onFailure: (error) =>
      log.error(
        { err: error },
        "the pipeline failed to start or stop; the next change of settings or lease retries",
      ),
  });
  const pipeline = () => lifecycle.pipeline;
  const stalled = () =>
    [leaseWatchdog, ...(pipeline()?.watchdogs ?? [])].flatMap((watchdog) => watchdog?.stallReason() ?? []);
  const source: DashboardSource = {
    store,
    queues,
    clock,
    deliveries,
    series,
    history,
    tap,
    stalled,
    started: clock.monotonic(),
    rates: new RateMeter(),
    outageLog: new OutageLog(),
    embedded: embedded?.store,
    brokerCounters: embedded?.broker.counters,
    brokerAddress: () => brokerAddress(engine),
    config: () => lifecycle.config,
    outages: () =>
      [storeOutage, leaseOutage, ...outages, ...statsd.outages, ...(pipeline()?.outages ?? [])].map(
        (outage) => outage.report(),
      ),
    collectors: () => pipeline()?.collectors() ?? [],
    lastReady: () => pipeline()?.lastReady() ?? new Map(),
    snapshot: storeSnapshots(
      store,
      queues,
      clock,
      engine.kind === "redis" ? () => memoryOf(engine.server) : undefined,
    ),
    deferred: () => pipeline()?.deferred(),
    flushedAt: () => pipeline()?.flushedAt(),
    statsd: () => statsd.status(),
  };
  const ending = new AbortController();
  const ended = workAsLeader(config.storage, ending.signal, {
    store,
    log,
    // Only its sleeps are steps of the lease's loop: the pipeline uses the store, too.
    clock: leaseWatchdog?.clock() ?? clock,
    outages: { store: storeOutage, own: leaseOutage },
    begin: (leaderStore, lost) => {
      const tapped = tap.store(withStoreErrors(leaderStore));
      lifecycle.lead({ store: tapped, sentBytes: new SentBytes(tapped, clock, wireMeter), lost });
    },
    // The lifecycle logs the failure. The lease is released all the same.
    end: () => lifecycle.follow().catch(() => {}),
  });
  const adminServers = await startAdminServers(source, log, async () => {
    const { openDashboard } = await import("./dashboard/dashboard.js");
    return openDashboard(source);
  });
  let warmingUp = Promise.resolve();
  return {
    stalled,
    status: () => readStatus(source),
    warmUp: () => {
      if (embedded !== undefined) warmingUp = warmUpBroker(embedded.broker, log, ending.signal);
      return warmingUp;
    },
    reload: (next) => lifecycle.reload(next),
    stop: async () => {
      ending.abort();
      // At the same time: a request for the status may wait for a store that hangs.
      await Promise.all([ended.then(() => lifecycle.stop()), adminServers.close()]);
      await statsd.close();
      await embedded?.broker.close();
      await warmingUp;
      await store.close();
    },
  };
}

/** On a Redis server, which agents may share, only the leader works. An embedded store has one agent. */
async function workAsLeader(
  storage: Config["storage"],
  signal: AbortSignal,
  options: LeaderOptions,
): Promise<void> {
  if (storage === "redis") return runAsLeader(options, signal);
  options.begin(options.store, new AbortController().signal);
  await once(signal, "abort");
  await options.end();
}

/** Waits for the first client, since warming up costs CPU time and memory. Never rejects. */
async function warmUpBroker({ firstClient }: RunningBroker, log: Log, signal: AbortSignal): Promise<void> {
  try {
    if (!(await firstClient)) return;
    const { openScratchStore } = await import("@chouette-iot/queue/embedded/scratch");
    const calls = await warmUp(openScratchStore, signal);
    log.debug({ calls }, "embedded broker warmed up");
  } catch (error) {
    log.debug({ err: error }, "broker not warmed up");
  }
}

function statsdOptions({ settings, sources }: Config) {
  const inherited = inheritedDescriptors(process.env, process.pid);
  return {
    addresses: [...settings.statsd, ...inherited.map((fd) => ({ kind: "descriptor", fd }) as const)],
    retries: sources.has("statsd"),
    withOrigin: settings.statsdOriginTags,
    signedGaugesAreSteps: settings.statsdSignedGauges === "statsd",
  };
}

function brokerAddress(engine: StoreEngine): string | undefined {
  switch (engine.kind) {
    case "redis":
      return engine.server.server;
    case "embedded":
      return shownAddress(engine.broker.address);
    case "memory":
      return undefined;
  }
}

async function memoryOf(server: RedisStore): Promise<BrokerMemory | undefined> {
  const info = await server.serverInfo();
  if (info === undefined) return undefined;
  const { usedMemory: usedBytes, maxMemory: maxBytes } = info;
  return { usedBytes, maxBytes };
}
