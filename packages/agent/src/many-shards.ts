/**
 * Runs an agent on the shards of a Redis server or Redis Cluster that several agents share (CHOUETTE_SHARDS).
 *
 *   number of shards (in the store) ──► shards, each with its lease, lifecycle and pipeline
 *   members (in the store) ──► this agent's share ──► how many leases it takes, and which it gives up
 *
 * Collectors and self metrics run from the start to the end.
 *
 * Promises: only one agent changes a shard at a time, since each settlement is fenced by the shard's lease. A shard without an
 * agent has one again within 10 seconds, if any agent runs.
 */
import { asStoreError, queueNames, StaleSettlementError, shardNamespace } from "@chouette-iot/queue";
import type { RedisStore } from "@chouette-iot/queue/redis";
import type { Config } from "./config/config.js";
import { type DeviceMetrics, startDeviceMetrics } from "./device.js";
import { POLL_INTERVAL } from "./lease/leader.js";
import { Members } from "./lease/members.js";
import { fairShare } from "./lease/share.js";
import { Lifecycle } from "./lifecycle.js";
import { OpenShards, placeOf } from "./open-shards.js";
import { connectedStore } from "./open-store.js";
import type { Reloadable } from "./reloadable.js";
import { beginOutage, endOutages, Outage } from "./runtime/outage.js";
import { LoopWatchdog } from "./runtime/watchdog.js";
import type { Shard } from "./shard.js";
import { type AgentParts, memoryOf, type ShardSet } from "./shard-set.js";
import { shardTargets, shardWriters } from "./shard-targets.js";
import { Growth } from "./shards/growth.js";
import { ShardCount } from "./shards/shard-count.js";
import { SharedReloadable } from "./shared-reloadable.js";

/** @param wanted CHOUETTE_SHARDS. Rejects if a file or module that a setting names can't be used. */
export async function manyShards(agent: AgentParts, wanted: number): Promise<ShardSet> {
  const shared = new SharedReloadable(agent.wireMeter);
  const opened = await shared.open(agent.config);
  const first = await connectedStore(agent.config, agent.log, agent.clock, placeOf(0));
  return new ManyShards(agent, wanted, shared, opened, first);
}

class ManyShards implements ShardSet {
  readonly statsdTargets: ShardSet["statsdTargets"];
  readonly outages: readonly Outage[];
  readonly #agent: AgentParts;
  readonly #shared: SharedReloadable;
  /** Of the first shard, which has the list of the members. */
  readonly #first: RedisStore;
  readonly #wanted: number;
  readonly #count: ShardCount;
  readonly #growth: Growth;
  readonly #members: Members;
  readonly #device: Lifecycle<Config, Reloadable, { readonly lost: AbortSignal }, DeviceMetrics>;
  readonly #shards: OpenShards;
  readonly #sharingOutage: Outage;
  readonly #watchdog: LoopWatchdog;
  readonly #ending = new AbortController();
  #running = Promise.resolve();

  constructor(
    agent: AgentParts,
    wanted: number,
    shared: SharedReloadable,
    opened: Reloadable,
    first: RedisStore,
  ) {
    const { clock, log } = agent;
    this.#agent = agent;
    this.#shared = shared;
    this.#first = first;
    this.#wanted = wanted;
    const countOutage = new Outage("CHOUETTE_SHARDS", clock, log, "failing");
    this.#count = new ShardCount(wanted, countOutage);
    this.#shards = new OpenShards({ agent, shared, first, count: this.#count });
    this.#sharingOutage = new Outage("shard assignment", clock, log, "failing");
    this.outages = [this.#shards.storeOutage, this.#shards.leaseOutage, this.#sharingOutage, countOutage];
    this.#watchdog = new LoopWatchdog("shard assignment", clock);
    this.#growth = new Growth(clock, agent.config.windows, this.#watchdog);
    this.#members = new Members(first, clock);
    this.#device = this.#newDevice(opened);
    this.statsdTargets = shardTargets(wanted, this.#count, () => this.#shards.numbered);
  }

  shards(): readonly Shard[] {
    return this.#shards.all;
  }

  device(): DeviceMetrics | undefined {
    return this.#device.pipeline;
  }

  loopOutages(): readonly Outage[] {
    return this.#shards.loopOutages();
  }

  stalled(): readonly string[] {
    const ofShards = this.#shards.all.flatMap(({ name, stalled }) =>
      stalled().map((reason) => `shard ${name}: ${reason}`),
    );
    return [...ofShards, ...[this.#watchdog.stallReason() ?? []].flat()];
  }

  config(): Config {
    return this.#device.config;
  }

  address(): string | undefined {
    return this.#first.server;
  }

  memory() {
    return memoryOf(this.#first);
  }

  start(): void {
    this.#device.lead({ lost: new AbortController().signal });
    this.#running = this.#run();
  }

  async reload(config: Config): Promise<boolean> {
    const reloaded = await Promise.all(
      [this.#device, ...this.#shards.all].map((each) => each.reload(config)),
    );
    return reloaded.every((isApplied) => isApplied);
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#running;
    await Promise.all([
      // At the same time, so that the others take the shards as they become free. If it fails, the entry expires.
      this.#members.leave().catch(() => {}),
      ...this.#shards.all.map((shard) => shard.stop()),
      this.#device.stop(),
    ]);
  }

  async close(): Promise<void> {
    const servers = new Set([this.#first, ...this.#shards.all.map(({ server }) => server)]);
    await Promise.all([...servers].map((server) => server.close()));
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    const clock = this.#watchdog.clock();
    const outages = { store: this.#shards.storeOutage.part(), own: this.#sharingOutage };
    while (!signal.aborted) {
      try {
        await this.#update();
        endOutages(outages);
      } catch (error) {
        // The shares stay as they are. A window that changed meanwhile is carried over the next time.
        if (!signal.aborted && !(error instanceof StaleSettlementError))
          beginOutage(asStoreError(error), outages);
      }
      this.#shards.share.giveUpOne();
      this.#shards.shareOfOriginal.giveUpOne();
      await clock.sleep(POLL_INTERVAL, signal);
    }
  }

  async #update(): Promise<void> {
    const count = await this.#count.update(this.#first);
    await this.#shards.open(count, this.config());
    const { members, place } = await this.#members.update();
    this.#shards.share.limit = fairShare(count, members, place);
    this.#shards.shareOfOriginal.limit = place === 0 ? 1 : 0;
    if (count < this.#wanted && (await this.#growth.areDrained(this.#shards.numbered))) await this.#grow();
    const config = this.config();
    // Those that were opened while settings were reloaded.
    for (const shard of this.#shards.all) if (shard.config() !== config) shard.reload(config).catch(() => {});
  }

  async #grow(): Promise<void> {
    const { config, log, clock } = this.#agent;
    const { numbered } = this.#shards;
    const missing = numbers(numbered.length, this.#wanted);
    const servers = await Promise.all(
      missing.map((shard) => connectedStore(config, log, clock, placeOf(shard))),
    );
    try {
      const added = servers.map((server, index) => {
        const queues = queueNames(shardNamespace(numbered.length + index));
        return { server, store: server, queues };
      });
      await this.#growth.grow(numbered, added);
      log.info({ from: numbered.length, to: this.#wanted }, "the number of shards was raised");
    } finally {
      await Promise.all(servers.map((server) => server.close()));
    }
  }

  #newDevice(opened: Reloadable) {
    const { config, clock, log, tap, status } = this.#agent;
    return new Lifecycle<Config, Reloadable, { readonly lost: AbortSignal }, DeviceMetrics>(config, opened, {
      open: (settings) => this.#shared.open(settings),
      close: (settings) => this.#shared.close(settings),
      start: ({ lost }, current) => {
        const writers = shardWriters(current.settings, tap, () => this.#shards.numbered);
        return startDeviceMetrics({ config: current, clock, log, writers, status }, lost);
      },
      onFailure: (error) => log.error({ err: error }, "the collectors failed to start or stop"),
    });
  }
}

/** The whole numbers from `from` to `end - 1`. */
function numbers(from: number, end: number): readonly number[] {
  return Array.from({ length: Math.max(0, end - from) }, (_, index) => from + index);
}
