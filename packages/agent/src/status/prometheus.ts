/** The status in Prometheus' text format, 0.0.4. */
import type { WireUse } from "../dispatch/wire-counts.js";
import { total } from "./ledger.js";
import type { DiskStatus, Status } from "./status.js";

export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

export function prometheusText(status: Status): string {
  return [
    family("chouette_uptime_seconds", "gauge", "Time since the agent started.", [[{}, status.uptime]]),
    family("chouette_alive", "gauge", "1 unless a loop has hung.", [
      [{}, status.stalled.length === 0 ? 1 : 0],
    ]),
    family("chouette_ready", "gauge", "1 if the agent delivered recently or has nothing to deliver.", [
      [{}, status.ready.ok ? 1 : 0],
    ]),
    family("chouette_store_up", "gauge", "1 if the store answers.", [
      [{}, status.queues === undefined ? 0 : 1],
    ]),
    ...diskFamilies(status.broker.disk),
    ...queueFamilies(status),
    ...shardFamilies(status),
    ...memoryFamilies(status),
    ...statsdFamilies(status),
    ...deliveryFamilies(status),
    ...byteFamilies(status),
    ...troubleFamilies(status),
  ].join("");
}

function queueFamilies({ queues = [] }: Status): readonly string[] {
  return [
    family(
      "chouette_queue_records",
      "gauge",
      "Pending records.",
      queues.map(({ name, ledger }) => [{ queue: name }, ledger.pending]),
    ),
    family(
      "chouette_queue_oldest_age_seconds",
      "gauge",
      "Age of the oldest pending record; 0 if there is none.",
      queues.map(({ name, oldestAge }) => [{ queue: name }, oldestAge ?? 0]),
    ),
    family(
      "chouette_records_accepted_total",
      "counter",
      "Records added to a queue, across restarts.",
      queues.map(({ name, ledger }) => [{ queue: name }, ledger.accepted]),
    ),
    family(
      "chouette_records_done_total",
      "counter",
      "Records aggregated, delivered or requeued, across restarts.",
      queues.map(({ name, ledger }) => [{ queue: name }, total(ledger.done)]),
    ),
    family(
      "chouette_records_dropped_total",
      "counter",
      "Records dropped or dead-lettered, by reason, across restarts.",
      queues.flatMap(({ name, ledger }) =>
        Object.entries(ledger.dropped).map(([reason, count]): Sample => [{ queue: name, reason }, count]),
      ),
    ),
    family(
      "chouette_unknown_losses_total",
      "counter",
      "How often an unknown number of records was lost, across restarts.",
      queues.map(({ name, ledger }) => [{ queue: name }, ledger.unknownLosses]),
    ),
    family(
      "chouette_records_missing",
      "gauge",
      "Accepted records that are neither done, pending nor dropped: lost by the store.",
      queues.map(({ name, ledger }) => [{ queue: name }, ledger.missing]),
    ),
  ];
}

/** Empty without CHOUETTE_SHARDS. */
function shardFamilies({ shards = [] }: Status): readonly string[] {
  return [
    family(
      "chouette_shard_held",
      "gauge",
      "1 if this agent works on the shard.",
      shards.map(({ shard, isOurs }) => [{ shard }, isOurs ? 1 : 0]),
    ),
    family(
      "chouette_shard_records",
      "gauge",
      "Pending records of the shard, without dead letters.",
      shards.map(({ shard, pending }) => [{ shard }, pending]),
    ),
  ];
}

function deliveryFamilies({ deliveries }: Status): readonly string[] {
  const signals = Object.entries(deliveries);
  return [
    family(
      "chouette_requests_total",
      "counter",
      "Batches by outcome.",
      signals.flatMap(([signal, { requests }]) =>
        Object.entries(requests).map(([outcome, count]): Sample => [{ signal, outcome }, count]),
      ),
    ),
    family(
      "chouette_delivered_bytes_total",
      "counter",
      "Bytes of delivered request bodies, compressed, since the start.",
      signals.map(([signal, { bytes }]) => [{ signal }, bytes]),
    ),
    family(
      "chouette_delivered_old_records_total",
      "counter",
      "Delivered records that Datadog may not have ingested because of their age (DATADOG_HISTORICAL), since the start.",
      signals.flatMap(([signal, { old }]): Sample[] => (old === undefined ? [] : [[{ signal }, old]])),
    ),
    family(
      "chouette_last_delivery_timestamp_seconds",
      "gauge",
      "When a batch was last delivered.",
      signals.flatMap(([signal, { last }]): Sample[] => (last === undefined ? [] : [[{ signal }, last]])),
    ),
  ];
}

/** What was sent of the budget, and what waits for the next day's. */
function byteFamilies({ sent, wire, budget }: Status): readonly string[] {
  return [
    family(
      "chouette_sent_bytes",
      "gauge",
      "Bytes of request bodies sent this day and this month (UTC), failed attempts included.",
      Object.entries(sent ?? {}).map(([period, bytes]): Sample => [{ period }, bytes]),
    ),
    family(
      "chouette_wire_bytes",
      "gauge",
      "Bytes on the wire this day and this month (UTC), TLS and handshakes included.",
      Object.entries(wire ?? {}).flatMap(([period, uses]: [string, readonly WireUse[]]) =>
        uses.flatMap(({ destination, purpose, sent, received }): Sample[] => [
          [{ period, destination, purpose, direction: "sent" }, sent],
          [{ period, destination, purpose, direction: "received" }, received],
        ]),
      ),
    ),
    family(
      "chouette_daily_budget_bytes",
      "gauge",
      "DAILY_BYTE_BUDGET.",
      budget?.bytesPerDay === undefined ? [] : [[{}, budget.bytesPerDay]],
    ),
    family(
      "chouette_monthly_budget_bytes",
      "gauge",
      "MONTHLY_BYTE_BUDGET.",
      budget?.bytesPerMonth === undefined ? [] : [[{}, budget.bytesPerMonth]],
    ),
    family("chouette_deferred_records", "gauge", "Records deferred by the budget.", deferredSamples(budget)),
  ];
}

function troubleFamilies({ outages, collectors }: Status): readonly string[] {
  return [
    family(
      "chouette_outage_seconds",
      "gauge",
      "Length of the current outage; 0 if there is none.",
      outages.map(({ component, current }) => [{ component }, current?.seconds ?? 0]),
    ),
    family(
      "chouette_outages_total",
      "counter",
      "Outages since the start.",
      outages.map(({ component, count }) => [{ component }, count]),
    ),
    family(
      "chouette_collector_failures",
      "gauge",
      "Failed rounds of a collector in a row.",
      collectors.map(({ name, consecutiveFailures }) => [{ collector: name }, consecutiveFailures]),
    ),
  ];
}

function deferredSamples(budget: Status["budget"]): readonly Sample[] {
  if (budget?.deferred === undefined) return [];
  const { lowPriorityLogs, logs, collectedMetrics } = budget.deferred;
  return [
    [{ signal: "low_priority_logs" }, lowPriorityLogs],
    [{ signal: "logs" }, logs],
    [{ signal: "collected_metrics" }, collectedMetrics],
  ];
}

function statsdFamilies({ statsd }: Status): readonly string[] {
  if (statsd === undefined) return [];
  const { counters, sockets } = statsd;
  const single = (name: string, help: string, value: number, type: "counter" | "gauge" = "counter") =>
    family(`chouette_statsd_${name}`, type, help, [[{}, value]]);
  return [
    family(
      "chouette_statsd_up",
      "gauge",
      "1 if the DogStatsD socket is open.",
      sockets.map(({ address, error }) => [{ socket: address }, error === undefined ? 1 : 0]),
    ),
    family(
      "chouette_statsd_kernel_drops_total",
      "counter",
      "Packets that the kernel dropped because the socket's buffer was full.",
      sockets.flatMap(({ address, kernelDrops }): Sample[] =>
        kernelDrops === undefined ? [] : [[{ socket: address }, kernelDrops]],
      ),
    ),
    single("packets_total", "Packets received by DogStatsD since the start.", counters.packets),
    single("bytes_total", "Bytes received by DogStatsD since the start.", counters.bytes),
    single("values_total", "Values of metrics received by DogStatsD since the start.", counters.values),
    single(
      "overflowed_values_total",
      "Values over the cardinality limit, which went to overflow:true.",
      counters.overflowed,
    ),
    family("chouette_statsd_refused_lines_total", "counter", "Refused lines, by reason.", [
      [{ reason: "invalid" }, counters.invalidLines],
      [{ reason: "cardinality" }, counters.refusedLines],
    ]),
    single("stored_records_total", "Records stored by DogStatsD since the start.", counters.stored),
    single("dropped_records_total", "Records dropped while the store was unavailable.", counters.dropped),
    single("connections", "Open connections of stream sockets.", counters.connections, "gauge"),
  ];
}

function memoryFamilies({ broker: { memory } }: Status): readonly string[] {
  if (memory === undefined) return [];
  const { usedBytes, maxBytes } = memory;
  return [
    family("chouette_broker_memory_bytes", "gauge", "Memory used by the Redis server.", [[{}, usedBytes]]),
    ...(maxBytes === undefined
      ? []
      : [
          family("chouette_broker_memory_limit_bytes", "gauge", "The Redis server's maxmemory.", [
            [{}, maxBytes],
          ]),
        ]),
  ];
}

function diskFamilies(disk: DiskStatus | undefined): readonly string[] {
  if (disk === undefined) return [];
  const { contentBytes, fileBytes, segments, runs, writtenBytes, writtenBytesPerDay, full } = disk;
  return [
    family("chouette_store_bytes", "gauge", "Disk space of the embedded broker.", [
      [{ kind: "content" }, contentBytes],
      [{ kind: "files" }, fileBytes],
    ]),
    family("chouette_store_files", "gauge", "Files of the embedded broker.", [
      [{ kind: "segment" }, segments],
      [{ kind: "run" }, runs],
    ]),
    family(
      "chouette_store_written_bytes_total",
      "counter",
      "Bytes written by the embedded broker since the start.",
      [[{}, writtenBytes]],
    ),
    family(
      "chouette_store_written_bytes_per_day",
      "gauge",
      "Bytes written per day, at the average rate since the start.",
      writtenBytesPerDay === undefined ? [] : [[{}, writtenBytesPerDay]],
    ),
    family("chouette_store_full", "gauge", "1 while the disk is full and records are refused.", [
      [{}, full === undefined ? 0 : 1],
    ]),
  ];
}

function family(name: string, type: "gauge" | "counter", help: string, samples: readonly Sample[]): string {
  if (samples.length === 0) return "";
  const lines = samples.map(([labels, value]) => `${name}${labelText(labels)} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
