/** What an agent works on: one store as a whole (`single-shard.ts`), or the shards of a Redis (`many-shards.ts`). */
import type { RedisStore } from "@chouette-iot/queue/redis";
import type { Config } from "./config/config.js";
import type { DeviceMetrics } from "./device.js";
import type { StatsdTarget } from "./ingest/dogstatsd/outboxes.js";
import type { WireMeter } from "./outputs/wire-meter.js";
import { type Pipeline, type PipelineOptions, startPipeline } from "./pipeline.js";
import type { Reloadable } from "./reloadable.js";
import type { Clock } from "./runtime/clock.js";
import type { Log } from "./runtime/log.js";
import type { Outage } from "./runtime/outage.js";
import type { Leadership, Shard } from "./shard.js";
import type { AllDeliveries } from "./status/deliveries.js";
import type { History } from "./status/history.js";
import type { RecordTap } from "./status/record-tap.js";
import type { SeriesMeter } from "./status/series-use.js";
import type { Status } from "./status/status.js";
import type { BrokerMemory } from "./status/store-snapshot.js";
import type { Boot } from "./timekeeping/boot.js";

/** What belongs to an agent, not to a shard. */
export interface AgentParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly boot: Boot;
  readonly wireMeter: WireMeter;
  readonly deliveries: AllDeliveries;
  readonly series: SeriesMeter;
  readonly history: History;
  readonly tap: RecordTap;
  status(): Promise<Status>;
}

export interface ShardSet {
  /** Empty before the start, and until the number of shards is known. */
  shards(): readonly Shard[];
  /** Undefined while they don't run. */
  device(): DeviceMetrics | undefined;
  /** Of the store and the lease. */
  readonly outages: readonly Outage[];
  /** Of the loops. */
  loopOutages(): readonly Outage[];
  /** A sentence for each loop that has hung. */
  stalled(): readonly string[];
  /** The newest settings that could be opened. */
  config(): Config;
  readonly statsdTargets: readonly [StatsdTarget, ...StatsdTarget[]];
  /** For clients: of the embedded broker, or of the Redis server of the last connection; undefined before. */
  address(): string | undefined;
  /** Undefined if the broker isn't a Redis server, or doesn't show it. */
  memory(): Promise<BrokerMemory | undefined>;
  start(): void;
  /** Resolves with false if a pipeline couldn't be started with these settings. Rejects if they can't be opened. */
  reload(config: Config): Promise<boolean>;
  /** Ends the work and releases the leases. */
  stop(): Promise<void>;
  /** Closes the stores. */
  close(): Promise<void>;
}

/** The options of one shard's pipeline. */
export interface ShardParts
  extends Pick<
    PipelineOptions,
    "queues" | "engine" | "storeOutage" | "newOutage" | "routing" | "shares" | "log"
  > {
  /** Whether it keeps the history of the figures that the dashboard shows. */
  readonly keepsHistory: boolean;
}

/** Starts the pipeline of a shard. */
export function startShardPipeline(
  { clock, boot, deliveries, series, history }: AgentParts,
  { keepsHistory, ...parts }: ShardParts,
  leadership: Leadership,
  config: Config,
  { wrap, outputs }: Reloadable,
): Pipeline {
  const { store, sentBytes, lost } = leadership;
  return startPipeline(
    {
      ...parts,
      ...{ config, clock, store, boot, wrap, outputs },
      meters: { sentBytes, deliveries, series },
      history: keepsHistory && config.settings.http !== "off" ? history : undefined,
    },
    lost,
  );
}

export async function memoryOf(server: RedisStore): Promise<BrokerMemory | undefined> {
  const info = await server.serverInfo();
  if (info === undefined) return undefined;
  const { usedMemory: usedBytes, maxMemory: maxBytes } = info;
  return { usedBytes, maxBytes };
}
