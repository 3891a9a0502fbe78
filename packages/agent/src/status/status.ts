/**
 * The read model: the state of a running agent as plain data. The HTTP server, the command line and the self metrics show only
 * this.
 *
 * Promises: it contains no secrets. It is read in bounded time, without the queues if the store is unavailable.
 */
import type { BrokerStore, DiskReport } from "@chouette-iot/queue";
import {
  bySignal,
  type Milliseconds,
  type Seconds,
  type Signal,
  seconds,
  toSeconds,
} from "@chouette-iot/record";
import type { CollectorStatus } from "../collectors/runner.js";
import type { Config } from "../config/config.js";
import { currentHostName } from "../config/host-name.js";
import { OUTPUTS } from "../config/outputs.js";
import { hasSentinels, shownRedisAddress } from "../config/redis-address.js";
import type { DeferredCounts } from "../dispatch/byte-budget.js";
import type { RecentBodyBytes, RecentWireUse } from "../dispatch/sent-bytes.js";
import { sumOfWire } from "../dispatch/wire-counts.js";
import type { StatsdStatus } from "../ingest/dogstatsd/listener.js";
import type { Clock } from "../runtime/clock.js";
import type { OutageReport } from "../runtime/outage.js";
import { within } from "../runtime/promises.js";
import { withoutUserinfo } from "../runtime/redact.js";
import { VERSION } from "../runtime/version.js";
import type { AllDeliveries, Deliveries } from "./deliveries.js";
import type { QueueStatus } from "./queues.js";
import type { RateMeter, Rates } from "./rates.js";
import { type LastStep, type Readiness, readinessOf } from "./readiness.js";
import type {
  BrokerMemory,
  ShardHolder,
  ShardSnapshot,
  StatusShard,
  StoreSnapshot,
} from "./store-snapshot.js";
import { queueKind } from "./sums.js";

export interface Status {
  readonly version: string;
  readonly host: string;
  readonly pid: number;
  /** Unix time. */
  readonly at: Seconds;
  readonly uptime: Seconds;
  readonly broker: {
    readonly kind: Config["storage"];
    /** Address for clients: the embedded broker's, or the Redis server's. With Sentinels, the master's. */
    readonly address?: string | undefined;
    /** The master's name and its Sentinels. */
    readonly sentinels?: string;
    /** Folder of the embedded broker's files. */
    readonly dataDirectory?: string;
    /** Of the embedded broker, since the start. */
    readonly counters?: Readonly<Record<string, number>> | undefined;
    /** Of a Redis server; undefined if it doesn't answer or the account has no right to INFO. */
    readonly memory?: BrokerMemory | undefined;
    /** Of the embedded broker. */
    readonly disk?: DiskStatus | undefined;
  };
  /** Undefined if CHOUETTE_STATSD is off. */
  readonly statsd?: StatsdStatus;
  readonly output: { readonly kind: Config["output"]; readonly url?: string };
  readonly ready: Readiness;
  /** A sentence for each loop that has hung; empty if the agent is alive. */
  readonly stalled: readonly string[];
  readonly outages: readonly OutageReport[];
  readonly collectors: readonly CollectorStatus[];
  readonly deliveries: Readonly<Record<Signal, DeliveryStatus>>;
  /** Bytes of request bodies, failed attempts included; undefined if the store doesn't answer. */
  readonly sent?: RecentBodyBytes | undefined;
  /** Bytes on the wire, both ways, with TLS and handshakes, without headers of TCP and IP; likewise. */
  readonly wire?: RecentWireUse | undefined;
  /** Undefined if neither DAILY_BYTE_BUDGET nor MONTHLY_BYTE_BUDGET is set. */
  readonly budget?: BudgetStatus;
  /** With shards, the sums over all of them; undefined if the store doesn't answer. */
  readonly queues?: readonly (QueueStatus & { readonly rates?: Rates })[] | undefined;
  /** Undefined without CHOUETTE_SHARDS, and if the store doesn't answer. */
  readonly shards?: readonly ShardStatus[];
}

export interface ShardStatus {
  /** Its number, or `original` for the queues of clients without shards. */
  readonly shard: string;
  /** Whether this agent works on it. */
  readonly isOurs: boolean;
  /** The agent that works on it; undefined if none does. */
  readonly holder?: ShardHolder;
  /** Records in its queues, without dead letters. */
  readonly pending: number;
  readonly queues: readonly QueueStatus[];
  /** Bytes on the wire this month (UTC), counted in this shard. */
  readonly wireBytes: number;
}

export interface DiskStatus extends DiskReport {
  /** At the average rate since the agent's start; undefined in its first minute. */
  readonly writtenBytesPerDay?: number;
}

export interface BudgetStatus {
  readonly bytesPerDay?: number | undefined;
  readonly bytesPerMonth?: number | undefined;
  /** Records that wait for the next day, as of the last dispatch; undefined while another agent is the leader. */
  readonly deferred?: Deferred;
}

export interface Deferred {
  /** Logs below WARNING. */
  readonly lowPriorityLogs: number;
  readonly logs: number;
  /** Metrics of collectors and of the agent itself. */
  readonly collectedMetrics: number;
}

/** Since the agent's start. */
export interface DeliveryStatus extends Omit<Deliveries, "last" | "delays" | "old" | "remembered"> {
  /** Delivered points that Datadog only ingests with Historical Metrics, or delivered logs that were older than 18 h. */
  readonly old?: number;
  /** Unix time. */
  readonly last?: Seconds | undefined;
  /** Mean age of the records when they were delivered. */
  readonly meanDelay?: Seconds;
}

/** The sources of the status. */
export interface StatusSource {
  /** One without CHOUETTE_SHARDS; none until their number is known. */
  shards(): readonly StatusShard[];
  readonly clock: Clock;
  /** On the monotonic clock. */
  readonly started: Milliseconds;
  readonly deliveries: AllDeliveries;
  readonly rates: RateMeter;
  readonly brokerCounters: object | undefined;
  /** Address of the embedded broker, or of the Redis server of the last connection; undefined before. */
  brokerAddress(): string | undefined;
  /** The embedded store; undefined with a Redis server. */
  readonly embedded: BrokerStore | undefined;
  config(): Config;
  outages(): readonly OutageReport[];
  collectors(): readonly CollectorStatus[];
  /** Rejects if the store does. */
  snapshot(): Promise<StoreSnapshot>;
  deferred(): DeferredCounts | undefined;
  stalled(): readonly string[];
  statsd(): Promise<StatsdStatus>;
}

/** Limit of reading the store, in milliseconds: the status must answer even if Redis hangs. */
const MAX_READ_MS = 2_000;
const MINUTE = seconds(60);
const DAY = seconds(86_400);

export async function readStatus(source: StatusSource): Promise<Status> {
  const { clock, deliveries, brokerCounters } = source;
  const config = source.config();
  const now = toSeconds(clock.now());
  const uptime = seconds(Math.round((clock.monotonic() - source.started) / 1000));
  const disk = source.embedded && diskStatus(source.embedded.disk(), uptime);
  const statsd = await source.statsd();
  const snapshot = await inTime(source.snapshot());
  const { queues, sent, wire, memory, shards } = snapshot ?? {};
  return {
    version: VERSION,
    host: currentHostName(config.settings),
    pid: process.pid,
    at: now,
    uptime,
    broker: {
      kind: config.storage,
      ...brokerIdentity(config, source.brokerAddress()),
      counters: brokerCounters && { ...brokerCounters },
      memory,
      disk,
    },
    ...(statsd.sockets.length === 0 ? {} : { statsd }),
    output: {
      kind: config.output,
      ...(OUTPUTS[config.output].usesDatadogUrls ? { url: withoutUserinfo(config.datadogUrl) } : {}),
      ...gatewayOf(config),
    },
    stalled: source.stalled(),
    ready:
      disk?.full === undefined
        ? readinessOf(
            shards?.flatMap((shard) => shard.queues),
            lastSteps(source),
            maxDelayOf(config),
            now,
          )
        : { ok: false, reason: disk.full },
    outages: source.outages(),
    collectors: source.collectors(),
    deliveries: bySignal((signal) => toStatus(deliveries[signal])),
    sent,
    wire,
    ...budgetOf(config, source),
    queues: queues?.map((queue) => withRates(queue, source.rates)),
    ...shardsOf(shards),
  };
}

function gatewayOf({ output, settings: { gatewayUrl } }: Config): { readonly url?: string } {
  return output === "gateway" && gatewayUrl !== undefined ? { url: withoutUserinfo(gatewayUrl) } : {};
}

function brokerIdentity({ storage, settings }: Config, known: string | undefined) {
  if (storage === "redis") {
    const named = shownRedisAddress(settings);
    return { address: known ?? named, ...(hasSentinels(settings) ? { sentinels: named } : {}) };
  }
  return { address: known, dataDirectory: settings.dataDirectory };
}

function diskStatus(report: DiskReport, uptime: Seconds): DiskStatus {
  if (uptime < MINUTE) return report;
  return { ...report, writtenBytesPerDay: Math.round((report.writtenBytes * DAY) / uptime) };
}

function shardsOf(shards: readonly ShardSnapshot[] = []): { readonly shards?: readonly ShardStatus[] } {
  const named = shards.flatMap(({ name, isOurs, holder, queues, wire }): ShardStatus[] => {
    if (name === undefined) return [];
    const pending = queues
      .filter((queue) => queueKind(queue.name) !== "rejected")
      .reduce((sum, { ledger }) => sum + ledger.pending, 0);
    const held = holder && { holder: { host: holder.host, pid: holder.pid } };
    return [{ shard: name, isOurs, ...held, pending, queues, wireBytes: sumOfWire(wire.month) }];
  });
  return named.length === 0 ? {} : { shards: named };
}

/** Of the shards that this agent should process: those that it works on, or its only one. */
function lastSteps({ deliveries, shards }: StatusSource): readonly LastStep[] {
  return shards()
    .filter((shard) => shard.name === undefined || shard.isOurs())
    .flatMap((shard) => lastStepsOf(shard, deliveries));
}

function lastStepsOf({ queues, flushedAt }: StatusShard, deliveries: AllDeliveries): readonly LastStep[] {
  return [
    { queue: queues.rawMetrics, last: flushedAt(), done: "aggregated" },
    { queue: queues.readyMetrics, last: deliveries.metrics.last, done: "delivered" },
    { queue: queues.logs, last: deliveries.logs.last, done: "delivered" },
    { queue: queues.sketches, last: deliveries.sketches.last, done: "delivered" },
    { queue: queues.events, last: deliveries.events.last, done: "delivered" },
    { queue: queues.checks, last: deliveries.checks.last, done: "delivered" },
  ];
}

/** Longer than any record waits in a healthy agent. */
function maxDelayOf({ settings, windows }: Config): Seconds {
  return seconds(3 * settings.releaseInterval + windows.maxAge);
}

function budgetOf({ settings }: Config, source: StatusSource): { readonly budget?: BudgetStatus } {
  const { dailyByteBudget: bytesPerDay, monthlyByteBudget: bytesPerMonth } = settings;
  if (bytesPerDay === undefined && bytesPerMonth === undefined) return {};
  const limits = { bytesPerDay, bytesPerMonth };
  const deferred = source.deferred();
  if (deferred === undefined) return { budget: limits };
  const { lowPriorityLogs, logs, collected: collectedMetrics } = deferred;
  return { budget: { ...limits, deferred: { lowPriorityLogs, logs, collectedMetrics } } };
}

function toStatus({ requests, records, bytes, old, last, delays }: Deliveries): DeliveryStatus {
  return {
    requests: { ...requests },
    records,
    bytes,
    ...(old === 0 ? {} : { old }),
    last,
    ...(records === 0 ? {} : { meanDelay: seconds(delays / records) }),
  };
}

function withRates(queue: QueueStatus, meter: RateMeter): QueueStatus & { readonly rates?: Rates } {
  const rates = meter.of(queue.name);
  return rates === undefined ? queue : { ...queue, rates };
}

/** The result of reading the store; undefined if that fails or takes too long. */
export function inTime<T>(read: Promise<T>): Promise<T | undefined> {
  return within(
    MAX_READ_MS,
    read.catch(() => undefined),
  );
}
