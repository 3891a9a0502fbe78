/**
 * Runs an agent on the shards of a Redis server or Redis Cluster that several agents share (CHOUETTE_SHARDS).
 *
 *   number of shards (in the store) ──► shards, each with its lease, lifecycle and pipeline
 *   members (in the store) ──► this agent's share ──► how many leases it takes, and which it gives up
 *
 * The queues of clients without shards are one more shard, whose records are routed to the others. A Cluster has no such
 * queues, since their keys are in different slots. Collectors and self metrics run from the start to the end.
 *
 * Promises: only one agent changes a shard at a time, since each settlement is fenced by the shard's lease. A shard without an agent has one again within 10 seconds, if any agent runs.
 */
import {
  asStoreError,
  NAMESPACE,
  queueNames,
  StaleSettlementError,
  shardNamespace,
  withStoreErrors,
} from "@chouette-iot/queue";
import type { RedisStore } from "@chouette-iot/queue/redis";
import type { Config } from "./config/config.js";
import { type DeviceMetrics, startDeviceMetrics } from "./device.js";
import { removeOldMarkers } from "./ingest/dogstatsd/outbox.js";
import { POLL_INTERVAL } from "./lease/leader.js";
import { Members } from "./lease/members.js";
import { fairShare, Share } from "./lease/share.js";
import { Lifecycle } from "./lifecycle.js";
import { connectedStore } from "./open-store.js";
import type { Pipeline, PipelineOptions } from "./pipeline.js";
import type { Reloadable } from "./reloadable.js";
import type { Log } from "./runtime/log.js";
import { beginOutage, endOutages, type NewOutage, Outage } from "./runtime/outage.js";
import { LoopWatchdog } from "./runtime/watchdog.js";
import { type Shard, startShard } from "./shard.js";
import { type AgentParts, memoryOf, type ShardSet, startShardPipeline } from "./shard-set.js";
import { shardTargets, shardWriters } from "./shard-targets.js";
import { Growth } from "./shards/growth.js";
import { ShardCount } from "./shards/shard-count.js";
import { SharedReloadable } from "./shared-reloadable.js";

/** The name of the shard with the queues of clients without shards. */
const ORIGINAL = "original";

interface OpenShard extends Shard {
  readonly server: RedisStore;
}

/** A shard that is started, and the settings that its outputs were opened with. */
interface ShardStart {
  readonly name: string;
  readonly server: RedisStore;
  readonly share: Share;
  readonly config: Config;
  readonly opened: Reloadable;
}

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
  readonly #number: ShardCount;
  readonly #growth: Growth;
  readonly #members: Members;
  readonly #device: Lifecycle<Config, Reloadable, { readonly lost: AbortSignal }, DeviceMetrics>;
  readonly #storeOutage: Outage;
  readonly #leaseOutage: Outage;
  readonly #sharingOutage: Outage;
  /** By component. Each is the whole of the shards' outages. */
  readonly #loopOutages = new Map<string, Outage>();
  readonly #watchdog: LoopWatchdog;
  readonly #share = new Share();
  readonly #shareOfOriginal = new Share();
  /** In the order of their numbers. */
  #shards: readonly OpenShard[] = [];
  /** Undefined on a Cluster, and until the server is known not to be one. */
  #original: OpenShard | undefined;
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
    this.#storeOutage = new Outage("store", clock, log);
    this.#leaseOutage = new Outage("lease", clock, log, "failing");
    this.#sharingOutage = new Outage("shard assignment", clock, log, "failing");
    const numberOutage = new Outage("CHOUETTE_SHARDS", clock, log, "failing");
    this.outages = [this.#storeOutage, this.#leaseOutage, this.#sharingOutage, numberOutage];
    this.#watchdog = new LoopWatchdog("shard assignment", clock);
    this.#wanted = wanted;
    this.#number = new ShardCount(wanted, numberOutage);
    this.#growth = new Growth(clock, agent.config.windows, this.#watchdog);
    this.#members = new Members(first, clock);
    this.#device = this.#newDevice(opened);
    this.statsdTargets = shardTargets(wanted, this.#number, () => this.#shards);
  }

  shards(): readonly Shard[] {
    return this.#open();
  }

  #open(): readonly OpenShard[] {
    return this.#original === undefined ? this.#shards : [...this.#shards, this.#original];
  }

  device(): DeviceMetrics | undefined {
    return this.#device.pipeline;
  }

  loopOutages(): readonly Outage[] {
    return [...this.#loopOutages.values()];
  }

  stalled(): readonly string[] {
    const ofShards = this.#open().flatMap(({ name, stalled }) =>
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
    const reloaded = await Promise.all([this.#device, ...this.#open()].map((each) => each.reload(config)));
    return reloaded.every((isApplied) => isApplied);
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#running;
    await Promise.all([
      // At the same time, so that the others take the shards as they become free. If it fails, the entry expires.
      this.#members.leave().catch(() => {}),
      ...this.#open().map((shard) => shard.stop()),
      this.#device.stop(),
    ]);
  }

  async close(): Promise<void> {
    const servers = new Set([this.#first, ...this.#open().map(({ server }) => server)]);
    await Promise.all([...servers].map((server) => server.close()));
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    const clock = this.#watchdog.clock();
    const outages = { store: this.#storeOutage.part(), own: this.#sharingOutage };
    while (!signal.aborted) {
      try {
        await this.#update();
        endOutages(outages);
      } catch (error) {
        // The shares stay as they are. A window that changed meanwhile is carried over the next time.
        if (!signal.aborted && !(error instanceof StaleSettlementError))
          beginOutage(asStoreError(error), outages);
      }
      this.#share.giveUpOne();
      this.#shareOfOriginal.giveUpOne();
      await clock.sleep(POLL_INTERVAL, signal);
    }
  }

  async #update(): Promise<void> {
    const number = await this.#number.update(this.#first);
    await this.#openShards(number);
    const { members, place } = await this.#members.update();
    this.#share.limit = fairShare(number, members, place);
    this.#shareOfOriginal.limit = place === 0 ? 1 : 0;
    if (number < this.#wanted && (await this.#growth.areDrained(this.#shards))) await this.#grow();
    const config = this.config();
    // Those that were opened while settings were reloaded.
    for (const shard of this.#open()) if (shard.config() !== config) shard.reload(config).catch(() => {});
  }

  async #grow(): Promise<void> {
    const { config, log, clock } = this.#agent;
    const missing = numbers(this.#shards.length, this.#wanted);
    const servers = await Promise.all(
      missing.map((shard) => connectedStore(config, log, clock, placeOf(shard))),
    );
    try {
      const added = servers.map((server, index) => {
        const queues = queueNames(shardNamespace(this.#shards.length + index));
        return { server, store: server, queues };
      });
      await this.#growth.grow(this.#shards, added);
      log.info({ from: this.#shards.length, to: this.#wanted }, "the number of shards was raised");
    } finally {
      await Promise.all(servers.map((server) => server.close()));
    }
  }

  async #openShards(number: number): Promise<void> {
    const from = this.#shards.length;
    const config = this.config();
    // Before the connections, which an output that can't be opened would leave open every second.
    const outputs = await this.#openOutputs(config, number - from);
    const opened = await Promise.all(
      outputs.map((each, index) => this.#openShard(from + index, config, each)),
    );
    this.#shards = [...this.#shards, ...opened];
    if (this.#original === undefined && !this.#first.isCluster) this.#original = await this.#openOriginal();
  }

  /** For as many shards: all, or none if one can't be opened. */
  async #openOutputs(config: Config, count: number): Promise<readonly Reloadable[]> {
    const opened: Reloadable[] = [];
    try {
      while (opened.length < count) opened.push(await this.#shared.open(config));
    } catch (error) {
      await Promise.all(opened.map((each) => this.#shared.close(each)));
      throw error;
    }
    return opened;
  }

  async #openShard(shard: number, config: Config, opened: Reloadable): Promise<OpenShard> {
    const { clock, log } = this.#agent;
    const name = `${shard}`;
    const server =
      shard === 0 ? this.#first : await connectedStore(config, shardLog(log, name), clock, placeOf(shard));
    const own = {
      queues: queueNames(shardNamespace(shard)),
      keepsHistory: shard === 0,
      routing: undefined,
    };
    return this.#start({ name, server, share: this.#share, config, opened }, own);
  }

  async #openOriginal(): Promise<OpenShard> {
    const { clock, log } = this.#agent;
    const config = this.config();
    const opened = await this.#shared.open(config);
    const server = await connectedStore(config, shardLog(log, ORIGINAL), clock);
    // Records wait while the shards are drained, and until new ones are open.
    const targets = () =>
      this.#number.isGrowing || this.#shards.length !== this.#number.current ? undefined : this.#shards;
    const own = { queues: queueNames(NAMESPACE), keepsHistory: false, routing: { targets } };
    return this.#start({ name: ORIGINAL, server, share: this.#shareOfOriginal, config, opened }, own);
  }

  #start(
    started: ShardStart,
    own: Pick<PipelineOptions, "queues" | "routing"> & { readonly keepsHistory: boolean },
  ): OpenShard {
    const { name, server } = started;
    const { clock, tap, wireMeter } = this.#agent;
    const log = shardLog(this.#agent.log, name);
    const storeOutage = this.#storeOutage.part();
    const store = withStoreErrors(server);
    const engine = { kind: "redis", server } as const;
    const shares = () => this.#number.current ?? 1;
    const parts = { ...own, engine, log, storeOutage, newOutage: this.#partOfLoopOutage, shares };
    const shard = startShard<Pipeline>({
      ...started,
      ...{ store, queues: own.queues, hasLease: true, clock, log, tap, wireMeter },
      outages: { store: storeOutage, lease: this.#leaseOutage.part() },
      lifecycle: {
        open: (settings) => this.#shared.open(settings),
        close: (reloadable) => this.#shared.close(reloadable),
        start: (leadership, current, reloadable) => {
          if (name !== ORIGINAL) this.#number.writeTo(server, clock, leadership.lost);
          // If it fails, a later holder removes them.
          removeOldMarkers(leadership.store, clock).catch(() => {});
          const work = startShardPipeline(this.#agent, parts, leadership, current, reloadable);
          const stop = async () => {
            await work.stop();
            for (const outage of work.outages) outage.end();
          };
          return { ...work, stop };
        },
      },
    });
    return { ...shard, server };
  }

  #newDevice(opened: Reloadable) {
    const { config, clock, log, tap, status } = this.#agent;
    return new Lifecycle<Config, Reloadable, { readonly lost: AbortSignal }, DeviceMetrics>(config, opened, {
      open: (settings) => this.#shared.open(settings),
      close: (settings) => this.#shared.close(settings),
      start: ({ lost }, current) => {
        const writers = shardWriters(current.settings, tap, () => this.#shards);
        return startDeviceMetrics({ config: current, clock, log, writers, status }, lost);
      },
      onFailure: (error) => log.error({ err: error }, "the collectors failed to start or stop"),
    });
  }

  readonly #partOfLoopOutage: NewOutage = (component, state) => {
    const { clock, log } = this.#agent;
    const whole = this.#loopOutages.get(component) ?? new Outage(component, clock, log, state);
    this.#loopOutages.set(component, whole);
    return whole.part();
  };
}

/** The whole numbers from `from` to `end - 1`. */
function numbers(from: number, end: number): readonly number[] {
  return Array.from({ length: Math.max(0, end - from) }, (_, index) => from + index);
}

function placeOf(shard: number) {
  return { namespace: shardNamespace(shard), shard: true };
}

/** A log that names the shard in each line. */
function shardLog(log: Log, shard: string): Log {
  const named = (level: keyof Log): Log[keyof Log] => {
    const write = (first: object | string, message?: string) =>
      typeof first === "string"
        ? log[level]({ shard }, first)
        : log[level]({ shard, ...first }, message ?? "");
    return write;
  };
  return { debug: named("debug"), info: named("info"), warn: named("warn"), error: named("error") };
}
