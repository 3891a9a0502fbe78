/** The status in Prometheus' text format, 0.0.4. */
import { total } from "./ledger.js";
import type { DiskStatus, Status } from "./status.js";

export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

export function prometheusText(status: Status): string {
  const { queues = [], deliveries, outages, collectors, sent, budget } = status;
  const ways = Object.entries(deliveries);
  return [
    family("chouette_up_seconds", "gauge", "How long the agent has run.", [[{}, status.uptime]]),
    family("chouette_alive", "gauge", "1 while the loops that flush and dispatch go on.", [
      [{}, status.hangs.length === 0 ? 1 : 0],
    ]),
    family("chouette_ready", "gauge", "1 where it delivered lately or has nothing to deliver.", [
      [{}, status.ready.ok ? 1 : 0],
    ]),
    family("chouette_store_up", "gauge", "1 where the store answers.", [
      [{}, status.queues === undefined ? 0 : 1],
    ]),
    ...diskFamilies(status.broker.disk),
    family(
      "chouette_queue_records",
      "gauge",
      "Records that wait.",
      queues.map(({ name, ledger }) => [{ queue: name }, ledger.pending]),
    ),
    family(
      "chouette_queue_oldest_age_seconds",
      "gauge",
      "The age of the oldest record; 0 where none waits.",
      queues.map(({ name, oldestAge }) => [{ queue: name }, oldestAge ?? 0]),
    ),
    family(
      "chouette_records_accepted_total",
      "counter",
      "Records that a queue was given, across restarts.",
      queues.map(({ name, ledger }) => [{ queue: name }, ledger.accepted]),
    ),
    family(
      "chouette_records_done_total",
      "counter",
      "Records that went on as they should, across restarts.",
      queues.map(({ name, ledger }) => [{ queue: name }, total(ledger.done)]),
    ),
    family(
      "chouette_records_dropped_total",
      "counter",
      "Records that were dropped or set aside, across restarts.",
      queues.flatMap(({ name, ledger }) =>
        Object.entries(ledger.dropped).map(([reason, count]): Sample => [{ queue: name, reason }, count]),
      ),
    ),
    family(
      "chouette_records_unknown_losses_total",
      "counter",
      "How often records were lost whose number nobody knows, across restarts.",
      queues.map(({ name, ledger }) => [{ queue: name }, ledger.unknownLosses]),
    ),
    ...memoryFamilies(status),
    family(
      "chouette_records_missing",
      "gauge",
      "Records that the store has lost.",
      queues.map(({ name, ledger }) => [{ queue: name }, ledger.missing]),
    ),
    family(
      "chouette_requests_total",
      "counter",
      "Batches by what became of them.",
      ways.flatMap(([records, { requests }]) =>
        Object.entries(requests).map(([outcome, count]): Sample => [{ records, outcome }, count]),
      ),
    ),
    family(
      "chouette_sent_bytes_total",
      "counter",
      "Bodies that were taken, as sent.",
      ways.map(([records, { bytes }]) => [{ records }, bytes]),
    ),
    family(
      "chouette_bytes_sent",
      "gauge",
      "Bodies as sent in this day and this month of UTC, those of attempts that failed too.",
      Object.entries(sent ?? {}).map(([period, bytes]): Sample => [{ period }, bytes]),
    ),
    family(
      "chouette_daily_byte_budget",
      "gauge",
      "The bytes that a day may take.",
      budget === undefined ? [] : [[{}, budget.bytesPerDay]],
    ),
    family(
      "chouette_held_back_records",
      "gauge",
      "Records that wait because of the budget.",
      Object.entries(budget?.heldBack ?? {}).map(([what, records]): Sample => [{ what }, records]),
    ),
    family(
      "chouette_last_delivery_timestamp_seconds",
      "gauge",
      "When a batch was last taken.",
      ways.flatMap(([records, { last }]): Sample[] => (last === undefined ? [] : [[{ records }, last]])),
    ),
    family(
      "chouette_outage_seconds",
      "gauge",
      "How long the outage has lasted; 0 where there is none.",
      outages.map(({ of, now }) => [{ of }, now?.lasting ?? 0]),
    ),
    family(
      "chouette_outages_total",
      "counter",
      "Outages since the start.",
      outages.map(({ of, count }) => [{ of }, count]),
    ),
    family(
      "chouette_collector_failures",
      "gauge",
      "Rounds of a collector that failed in a row.",
      collectors.map(({ name, consecutiveFailures }) => [{ collector: name }, consecutiveFailures]),
    ),
  ].join("");
}

function memoryFamilies({ broker: { memory } }: Status): readonly string[] {
  if (memory === undefined) return [];
  const { usedBytes, maxBytes } = memory;
  return [
    family("chouette_broker_memory_bytes", "gauge", "Memory that the Redis server uses.", [[{}, usedBytes]]),
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
    family("chouette_store_bytes", "gauge", "What the embedded broker takes on disk.", [
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
      "Bytes that the embedded broker has written since the start.",
      [[{}, writtenBytes]],
    ),
    family(
      "chouette_store_written_bytes_per_day",
      "gauge",
      "The same a day, at the rate since the start.",
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
