/** An agent's work without shards: on the whole store, alone or as the leader. */
import { queueNames, type Store } from "@chouette-iot/queue";
import { type DeviceMetrics, type DeviceWriters, startDeviceMetrics } from "./device.js";
import type { OpenStore, StoreEngine } from "./open-store.js";
import type { Pipeline } from "./pipeline.js";
import { closeReloadable, openReloadable, type Reloadable } from "./reloadable.js";
import { shownAddress } from "./runtime/address.js";
import { type NewOutage, Outage } from "./runtime/outage.js";
import { checkWriter, readyWriter } from "./runtime/ready-writer.js";
import { type Shard, startShard } from "./shard.js";
import { type AgentParts, memoryOf, type ShardSet, startShardPipeline } from "./shard-set.js";

const queues = queueNames();

export function singleShard(
  agent: AgentParts,
  opened: Reloadable,
  { store, engine, outages }: OpenStore,
): ShardSet {
  const { config, clock, log, tap, wireMeter } = agent;
  const storeOutage = new Outage("store", clock, log);
  const leaseOutage = new Outage("lease", clock, log, "failing");
  const newOutage: NewOutage = (component, state) => new Outage(component, clock, log, state);
  const shares = () => 1;
  const parts = {
    queues,
    engine,
    log,
    storeOutage,
    newOutage,
    routing: undefined,
    keepsHistory: true,
    shares,
  };
  const newShard = () =>
    startShard<Pipeline & DeviceMetrics>({
      ...{ name: undefined, share: undefined, store, queues, clock, log, tap, wireMeter, config, opened },
      hasLease: config.storage === "redis",
      outages: { store: storeOutage, lease: leaseOutage },
      lifecycle: {
        open: (settings) => openReloadable(settings, wireMeter),
        close: closeReloadable,
        start: (leadership, current, reloadable) => {
          const { store: leaderStore, lost } = leadership;
          const work = startShardPipeline(agent, parts, leadership, current, reloadable);
          const writers = writersTo(leaderStore, current.settings.globalTags);
          const device = startDeviceMetrics(
            { config: current, clock, log, writers, status: agent.status },
            lost,
          );
          const stop = async () => {
            await Promise.all([work.stop(), device.stop()]);
          };
          return { ...work, ...device, stop };
        },
      },
    });
  let shard: Shard<Pipeline & DeviceMetrics> | undefined;
  return {
    shards: () => (shard === undefined ? [] : [shard]),
    device: () => shard?.pipeline(),
    outages: [storeOutage, leaseOutage, ...outages],
    loopOutages: () => shard?.pipeline()?.outages ?? [],
    stalled: () => shard?.stalled() ?? [],
    config: () => shard?.config() ?? config,
    statsdTargets: [{ store, queues }],
    address: () => addressOf(engine),
    memory: async () => (engine.kind === "redis" ? memoryOf(engine.server) : undefined),
    start: () => {
      shard = newShard();
    },
    reload: async (next) => shard?.reload(next) ?? false,
    stop: async () => shard?.stop(),
    close: () => store.close(),
  };
}

function writersTo(store: Store, globalTags: readonly string[]): DeviceWriters {
  return {
    ready: (origin) => readyWriter(store, queues.readyMetrics, origin, globalTags),
    check: () => checkWriter(store, queues.checks),
  };
}

function addressOf(engine: StoreEngine): string | undefined {
  switch (engine.kind) {
    case "redis":
      return engine.server.server;
    case "embedded":
      return shownAddress(engine.broker.address);
    case "memory":
      return undefined;
  }
}
