/**
 * The shards that an agent on shared shards has open, each with its connection, lease, lifecycle and pipeline.
 *
 * The queues of clients without shards are one more shard, whose records are routed to the others. A Cluster has no such
 * queues, since their keys are in different slots.
 *
 * Promises: of several new shards all are opened or, if a file or module that a setting names can't be used, none.
 */
import { NAMESPACE, queueNames, shardNamespace, withStoreErrors } from "@chouette-iot/queue";
import type { RedisStore } from "@chouette-iot/queue/redis";
import type { Config } from "./config/config.js";
import { removeOldMarkers } from "./ingest/dogstatsd/outbox.js";
import { Share } from "./lease/share.js";
import { connectedStore } from "./open-store.js";
import type { Pipeline, PipelineOptions } from "./pipeline.js";
import type { Reloadable } from "./reloadable.js";
import type { Log } from "./runtime/log.js";
import { type NewOutage, Outage } from "./runtime/outage.js";
import { type Shard, startShard } from "./shard.js";
import { type AgentParts, startShardPipeline } from "./shard-set.js";
import type { ShardCount } from "./shards/shard-count.js";
import type { SharedReloadable } from "./shared-reloadable.js";

/** The name of the shard with the queues of clients without shards. */
const ORIGINAL = "original";

export interface OpenShard extends Shard {
  readonly server: RedisStore;
}

export interface OpenShardsOptions {
  readonly agent: AgentParts;
  readonly shared: SharedReloadable;
  /** Of the first shard. */
  readonly first: RedisStore;
  readonly count: ShardCount;
}

/** A shard that is started, and the settings that its outputs were opened with. */
interface ShardStart {
  readonly name: string;
  readonly server: RedisStore;
  readonly share: Share;
  readonly config: Config;
  readonly opened: Reloadable;
}

export class OpenShards {
  /** How many this agent may have of the numbered ones, and of the original queues. */
  readonly share = new Share();
  readonly shareOfOriginal = new Share();
  readonly storeOutage: Outage;
  readonly leaseOutage: Outage;
  readonly #options: OpenShardsOptions;
  /** By component. Each is the whole of the shards' outages. */
  readonly #loopOutages = new Map<string, Outage>();
  #numbered: readonly OpenShard[] = [];
  /** Undefined on a Cluster, and until the server is known not to be one. */
  #original: OpenShard | undefined;

  constructor(options: OpenShardsOptions) {
    const { clock, log } = options.agent;
    this.#options = options;
    this.storeOutage = new Outage("store", clock, log);
    this.leaseOutage = new Outage("lease", clock, log, "failing");
  }

  /** In the order of their numbers. */
  get numbered(): readonly OpenShard[] {
    return this.#numbered;
  }

  get all(): readonly OpenShard[] {
    return this.#original === undefined ? this.#numbered : [...this.#numbered, this.#original];
  }

  loopOutages(): readonly Outage[] {
    return [...this.#loopOutages.values()];
  }

  /** Opens those that aren't open yet, up to this number, and the original queues. */
  async open(count: number, config: Config): Promise<void> {
    const from = this.#numbered.length;
    // Before the connections, which an output that can't be opened would leave open every second.
    const outputs = await this.#openOutputs(config, count - from);
    const opened = await Promise.all(
      outputs.map((each, index) => this.#openShard(from + index, config, each)),
    );
    this.#numbered = [...this.#numbered, ...opened];
    if (this.#original === undefined && !this.#options.first.isCluster)
      this.#original = await this.#openOriginal(config);
  }

  /** For as many shards: all, or none if one can't be opened. */
  async #openOutputs(config: Config, count: number): Promise<readonly Reloadable[]> {
    const opened: Reloadable[] = [];
    try {
      while (opened.length < count) opened.push(await this.#options.shared.open(config));
    } catch (error) {
      await Promise.all(opened.map((each) => this.#options.shared.close(each)));
      throw error;
    }
    return opened;
  }

  async #openShard(shard: number, config: Config, opened: Reloadable): Promise<OpenShard> {
    const { clock, log } = this.#options.agent;
    const name = `${shard}`;
    const server =
      shard === 0
        ? this.#options.first
        : await connectedStore(config, shardLog(log, name), clock, placeOf(shard));
    const own = {
      queues: queueNames(shardNamespace(shard)),
      keepsHistory: shard === 0,
      routing: undefined,
    };
    return this.#start({ name, server, share: this.share, config, opened }, own);
  }

  async #openOriginal(config: Config): Promise<OpenShard> {
    const { clock, log } = this.#options.agent;
    const opened = await this.#options.shared.open(config);
    const server = await connectedStore(config, shardLog(log, ORIGINAL), clock);
    // Records wait while the shards are drained, and until new ones are open.
    const targets = () =>
      this.#options.count.isGrowing || this.#numbered.length !== this.#options.count.current
        ? undefined
        : this.#numbered;
    const own = { queues: queueNames(NAMESPACE), keepsHistory: false, routing: { targets } };
    return this.#start({ name: ORIGINAL, server, share: this.shareOfOriginal, config, opened }, own);
  }

  #start(
    started: ShardStart,
    own: Pick<PipelineOptions, "queues" | "routing"> & { readonly keepsHistory: boolean },
  ): OpenShard {
    const { name, server } = started;
    const { clock, tap, wireMeter } = this.#options.agent;
    const log = shardLog(this.#options.agent.log, name);
    const storeOutage = this.storeOutage.part();
    const store = withStoreErrors(server);
    const engine = { kind: "redis", server } as const;
    const shares = () => this.#options.count.current ?? 1;
    const parts = { ...own, engine, log, storeOutage, newOutage: this.#partOfLoopOutage, shares };
    const shard = startShard<Pipeline>({
      ...started,
      ...{ store, queues: own.queues, hasLease: true, clock, log, tap, wireMeter },
      outages: { store: storeOutage, lease: this.leaseOutage.part() },
      lifecycle: {
        open: (settings) => this.#options.shared.open(settings),
        close: (reloadable) => this.#options.shared.close(reloadable),
        start: (leadership, current, reloadable) => {
          if (name !== ORIGINAL) this.#options.count.writeTo(server, clock, leadership.lost);
          // If it fails, a later holder removes them.
          removeOldMarkers(leadership.store, clock).catch(() => {});
          const work = startShardPipeline(this.#options.agent, parts, leadership, current, reloadable);
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

  readonly #partOfLoopOutage: NewOutage = (component, state) => {
    const { clock, log } = this.#options.agent;
    const whole = this.#loopOutages.get(component) ?? new Outage(component, clock, log, state);
    this.#loopOutages.set(component, whole);
    return whole.part();
  };
}

export function placeOf(shard: number) {
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
