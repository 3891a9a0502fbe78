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
import type { Config } from "./config/config.js";
import type { DashboardSource } from "./dashboard/dashboard.js";
import type { DeferredCounts } from "./dispatch/byte-budget.js";
import { startStatsd } from "./ingest/dogstatsd/listener.js";
import { inheritedDescriptors } from "./ingest/dogstatsd/unix-datagrams.js";
import type { RunningBroker } from "./ingest/redis-protocol/listener.js";
import { warmUp } from "./ingest/redis-protocol/warm-up.js";
import { manyShards } from "./many-shards.js";
import { openStore } from "./open-store.js";
import { WireMeter } from "./outputs/wire-meter.js";
import { openReloadable } from "./reloadable.js";
import { type Clock, systemClock } from "./runtime/clock.js";
import type { Log } from "./runtime/log.js";
import type { AgentParts, ShardSet } from "./shard-set.js";
import { singleShard } from "./single-shard.js";
import { startAdminServers } from "./status/admin-servers.js";
import { newAllDeliveries } from "./status/deliveries.js";
import { History } from "./status/history.js";
import { OutageLog } from "./status/outage-log.js";
import { RateMeter } from "./status/rates.js";
import { RecordTap } from "./status/record-tap.js";
import { SeriesMeter } from "./status/series-use.js";
import { readStatus, type Status } from "./status/status.js";
import { storeSnapshots } from "./status/store-snapshot.js";
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
  const parts: AgentParts = {
    ...{ config, clock, log, wireMeter },
    boot: currentBoot(),
    deliveries: newAllDeliveries(),
    series: new SeriesMeter(),
    history: new History(),
    tap: new RecordTap(),
    status: () => readStatus(source),
  };
  const { set, embedded } = await openSet(parts, onProgress);
  const statsd = await startStatsd({ ...statsdOptions(config), targets: set.statsdTargets, clock, log });
  const stalled = () => set.stalled();
  const { deliveries, series, history, tap } = parts;
  const source: DashboardSource = {
    ...{ clock, deliveries, series, history, tap, stalled },
    shards: () => set.shards(),
    started: clock.monotonic(),
    rates: new RateMeter(),
    outageLog: new OutageLog(),
    embedded: embedded?.store,
    brokerCounters: embedded?.broker.counters,
    brokerAddress: () => set.address(),
    config: () => set.config(),
    outages: () => [...set.outages, ...statsd.outages, ...set.loopOutages()].map((outage) => outage.report()),
    collectors: () => set.device()?.collectors() ?? [],
    lastReady: () => set.device()?.lastReady() ?? new Map(),
    snapshot: storeSnapshots(
      () => set.shards(),
      clock,
      () => set.memory(),
    ),
    deferred: () => deferredIn(set),
    statsd: () => statsd.status(),
  };
  set.start();
  const adminServers = await startAdminServers(source, log, async () => {
    const { openDashboard } = await import("./dashboard/dashboard.js");
    return openDashboard(source);
  });
  const ending = new AbortController();
  let warmingUp = Promise.resolve();
  return {
    stalled,
    status: () => readStatus(source),
    warmUp: () => {
      if (embedded !== undefined) warmingUp = warmUpBroker(embedded.broker, log, ending.signal);
      return warmingUp;
    },
    reload: (next) => set.reload(next),
    stop: async () => {
      ending.abort();
      // At the same time: a request for the status may wait for a store that hangs.
      await Promise.all([set.stop(), adminServers.close()]);
      await statsd.close();
      await embedded?.broker.close();
      await warmingUp;
      await set.close();
    },
  };
}

/** What the agent works on, not yet started. Rejects as {@link startAgent}. */
async function openSet(parts: AgentParts, onProgress: () => void) {
  const { config, log, clock, wireMeter } = parts;
  const { shards } = config.settings;
  if (shards !== undefined) return { set: await manyShards(parts, shards), embedded: undefined };
  const reloadable = await openReloadable(config, wireMeter);
  const opened = await openStore(config, log, clock, onProgress);
  const { engine } = opened;
  return {
    set: singleShard(parts, reloadable, opened),
    embedded: engine.kind === "embedded" ? engine : undefined,
  };
}

/** With shards there are no byte budgets, so nothing is deferred: any shard's counts are 0. */
function deferredIn(set: ShardSet): DeferredCounts | undefined {
  return set.shards()[0]?.pipeline()?.deferred();
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
