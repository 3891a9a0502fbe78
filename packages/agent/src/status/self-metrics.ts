/**
 * The agent's metrics about itself: the difference between two readings of its status, once per release interval.
 *
 * They are written to the ready queue. Their number doesn't depend on what is sent, so they can't amplify themselves.
 * The first five names are those of the Python agent.
 */
import {
  type Milliseconds,
  type ReadyMetric,
  type ReadyType,
  type Seconds,
  type ServiceCheck,
  seconds,
  toSeconds,
} from "@chouette-iot/record";
import { sumOfWire } from "../dispatch/wire-counts.js";
import type { Clock } from "../runtime/clock.js";
import type { WriteCheck, WriteReady } from "../runtime/ready-writer.js";
import type { QueueStatus } from "./queues.js";
import type { DeliveryStatus, Status } from "./status.js";
import { sumOfQueues } from "./sums.js";

export interface SelfMetricsOptions {
  readonly write: { readonly ready: WriteReady; readonly check: WriteCheck };
  readonly clock: Clock;
  readonly every: Milliseconds;
  status(): Promise<Status>;
}

/** Resolves when the signal is aborted. If the status can't be read or its metrics can't be stored, they are lost. */
export async function runSelfMetrics(
  { write, clock, every, status }: SelfMetricsOptions,
  signal: AbortSignal,
): Promise<void> {
  let before = await status();
  for (;;) {
    await clock.sleep(every, signal);
    if (signal.aborted) return;
    const now = await status();
    if (now.queues === undefined) continue;
    const metrics = selfMetrics(before, now, toSeconds(every));
    before = now;
    // The other loops report the store's outage.
    await write.ready(metrics).catch(() => {});
    await write.check(upCheck(now)).catch(() => {});
  }
}

/** The agent's readiness as a service check. If the agent is down, monitors notice that the check is missing. */
function upCheck({ at, ready }: Pick<Status, "at" | "ready">): ServiceCheck {
  const common = { check: "chouette.agent.up", timestamp: seconds(Math.floor(at)), tags: [] };
  return ready.ok ? { ...common, status: 0 } : { ...common, status: 1, message: ready.reason };
}

/** @param interval between the two readings */
export function selfMetrics(before: Status, now: Status, interval: Seconds): readonly ReadyMetric[] {
  const at = seconds(Math.floor(now.at));
  const metric = (type: ReadyType, name: string, value: number, tags: readonly string[] = []) => ({
    metric: `chouette.${name}`,
    type,
    tags,
    points: [[at, value] as const],
    ...(type === "gauge" ? {} : { interval }),
  });
  const queues = queuesOf(now, ourShards(now));
  const kept = keptShards(before, now);
  const [earlierQueues, laterQueues] = [queuesOf(before, kept), queuesOf(now, kept)];
  const kinds = ["metrics", "logs"] as const;
  return [
    ...queues
      .filter(({ name }) => name.endsWith(":metrics:wrapped"))
      .map(({ ledger }) => metric("gauge", "queued.metrics", ledger.pending)),
    ...kinds.flatMap((kind) => {
      const [from, to] = [before.deliveries[kind], now.deliveries[kind]];
      return [
        metric("count", `dispatched.${kind}.number`, to.records - from.records),
        metric("count", `dispatched.${kind}.bytes`, to.bytes - from.bytes),
        ...delayOf(from, to).map((delay) => metric("gauge", "delivery.delay", delay, [`signal:${kind}`])),
        ...increments(from.requests, to.requests).map(([outcome, count]) =>
          metric("count", "requests", count, [`outcome:${outcome}`, `signal:${kind}`]),
        ),
      ];
    }),
    metric("count", "wire.bytes", increaseOnWire(before, now, kept)),
    ...queues.map(({ name, oldestAge }) =>
      metric("gauge", "queue.oldest_age", oldestAge ?? 0, [`queue:${name}`]),
    ),
    ...laterQueues.flatMap(({ name, ledger }) => {
      const earlier = earlierQueues.find((queue) => queue.name === name)?.ledger.dropped ?? ledger.dropped;
      return increments(earlier, ledger.dropped).map(([reason, count]) =>
        metric("count", "dropped", count, [`queue:${name}`, `reason:${reason}`]),
      );
    }),
  ];
}

/** The names of shards. Undefined without shards: then there is one store, whose queues are those of the status. */
type ShardNames = ReadonlySet<string> | undefined;

function ourShards({ shards }: Status): ShardNames {
  return shards && new Set(shards.flatMap(({ shard, isOurs }) => (isOurs ? [shard] : [])));
}

/** Those that this agent worked on at both readings: the others' counters are other agents' to report. */
function keptShards(before: Status, now: Status): ShardNames {
  const [from, to] = [ourShards(before), ourShards(now)];
  return to && new Set([...to].filter((shard) => from?.has(shard)));
}

function queuesOf({ queues = [], shards = [] }: Status, names: ShardNames): readonly QueueStatus[] {
  if (names === undefined) return queues;
  return sumOfQueues(shards.filter(({ shard }) => names.has(shard)).map((shard) => shard.queues));
}

/** Bytes on the wire between two readings. The counts restart with each month. */
function increaseOnWire(before: Status, now: Status, kept: ShardNames): number {
  if (kept === undefined)
    return increase(sumOfWire(before.wire?.month ?? []), sumOfWire(now.wire?.month ?? []));
  const bytesOf = ({ shards = [] }: Status, name: string) =>
    shards.find(({ shard }) => shard === name)?.wireBytes ?? 0;
  return [...kept].reduce((sum, name) => sum + increase(bytesOf(before, name), bytesOf(now, name)), 0);
}

function increase(from: number, to: number): number {
  return to >= from ? to - from : to;
}

/** Mean delay in seconds of the records delivered between two readings; none if there were none. */
function delayOf(from: DeliveryStatus, to: DeliveryStatus): readonly number[] {
  const records = to.records - from.records;
  if (records <= 0) return [];
  const sumOf = ({ meanDelay = seconds(0), records: number }: DeliveryStatus) => meanDelay * number;
  return [(sumOf(to) - sumOf(from)) / records];
}

function increments(
  from: Readonly<Record<string, number>>,
  to: Readonly<Record<string, number>>,
): readonly (readonly [name: string, by: number])[] {
  return Object.entries(to)
    .map(([name, count]) => [name, count - (from[name] ?? 0)] as const)
    .filter(([, by]) => by > 0);
}
