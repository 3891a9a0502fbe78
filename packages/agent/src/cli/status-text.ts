/** Formats the status as text. */
import { printable } from "../runtime/printable.js";
import { count, duration, words } from "../runtime/readable.js";
import { total } from "../status/ledger.js";
import { linkBytes } from "../status/link-bytes.js";
import type { Deferred, DeliveryStatus, Status } from "../status/status.js";
import type { BrokerMemory } from "../status/store-snapshot.js";
import { diskText } from "./disk-text.js";
import { table, terminalWidth, wrapped } from "./text-table.js";

export function statusText(status: Status): string {
  const { queues } = status;
  return [
    ...statusLines(status).map((line) => wrapped(printable(line), terminalWidth(), 9)),
    "",
    queues === undefined ? "Store does not answer.\n" : `${queueTable(queues)}\n${ledgerTable(queues)}`,
    ...(status.shards === undefined ? [] : [shardTable(status.shards)]),
    ...(status.collectors.length > 0 ? [collectorTable(status)] : []),
  ].join("\n");
}

/** Signals that are shown only if they are used. */
const OTHER_SIGNALS = [
  ["sketches", "Sketches"],
  ["events", "Events"],
  ["checks", "Checks"],
] as const;

function statusLines(status: Status): readonly string[] {
  const { version, host, pid, uptime, ready } = status;
  return [
    `Chouette ${version} on ${host}, process ${pid}, up ${duration(uptime)}: ${ready.ok ? "ready" : `not ready, ${ready.reason}`}`,
    brokerLine(status),
    ...diskLine(status),
    ...statsdLines(status),
    outputLine(status),
    ...status.stalled.map((stall) => `${stall}: restart the agent`),
    ...status.outages.flatMap(({ component, state, current }) =>
      current === undefined
        ? []
        : [`${component} ${state} for ${duration(current.seconds)} (${current.reason})`],
    ),
    deliveryLine("Metrics", status.deliveries.metrics, status.at),
    deliveryLine("Logs", status.deliveries.logs, status.at),
    ...OTHER_SIGNALS.flatMap(([signal, name]) => {
      const delivery = status.deliveries[signal];
      const isUsed = Object.values(delivery.requests).some((requests) => requests > 0);
      return isUsed ? [deliveryLine(name, delivery, status.at)] : [];
    }),
    ...sentLine(status),
  ];
}

function brokerLine({ broker }: Status): string {
  const { kind, address, sentinels, dataDirectory, counters, memory } = broker;
  const where = address === undefined ? "" : ` on ${address}`;
  const data = dataDirectory === undefined ? "" : `, data in ${dataDirectory}`;
  const counts = formatCounts(counters ?? {});
  const master = sentinels === undefined ? "" : `, master ${sentinels}`;
  const parts = [`${kind}${where}${master}${data}`, counts, memory === undefined ? "" : memoryText(memory)];
  return `Broker   ${parts.filter((part) => part !== "").join(", ")}`;
}

function diskLine({ broker: { disk } }: Status): readonly string[] {
  if (disk === undefined) return [];
  return [`Disk     ${disk.full ?? "ok"}: ${diskText(disk)}`];
}

function statsdLines({ statsd }: Status): readonly string[] {
  if (statsd === undefined) return [];
  const { sockets, counters, lastInvalid } = statsd;
  const { values, packets, invalidLines, refusedLines, dropped } = counters;
  const places = sockets.map(({ address, error, kernelDrops }) => {
    if (error !== undefined) return `${address} not open (${error})`;
    return kernelDrops ? `${address} (kernel dropped ${count(kernelDrops, "packet")})` : address;
  });
  const losses = formatCounts({ invalid: invalidLines, refused: refusedLines, dropped });
  const last =
    lastInvalid === undefined ? "" : `; last invalid line: ${lastInvalid.line} (${lastInvalid.reason})`;
  return [
    `StatsD   ${places.join(", ")}: ${count(values, "value")} in ${count(packets, "packet")}${losses === "" ? "" : `; ${losses}`}${last}`,
  ];
}

function memoryText({ usedBytes, maxBytes }: BrokerMemory): string {
  const limit = maxBytes === undefined ? "" : ` of ${maxBytes}`;
  return `memory ${usedBytes}${limit} bytes`;
}

function outputLine({ output: { kind, url } }: Status): string {
  return `Output   ${url ?? kind}`;
}

function deliveryLine(
  signal: string,
  { requests, records, bytes, old, last, meanDelay }: DeliveryStatus,
  at: number,
) {
  const latest = last === undefined ? "none delivered yet" : `last delivered ${duration(at - last)} ago`;
  const late = old === undefined ? "" : `, ${old} of them older than Datadog may ingest (DATADOG_HISTORICAL)`;
  const delay = meanDelay === undefined ? "" : `, average delay ${duration(meanDelay)}`;
  return `${signal.padEnd(8)} ${latest}; since start: ${count(records, "record")}${late}, ${count(bytes, "byte")}${delay}; requests: ${formatCounts(requests)}`;
}

const DEFERRED: Readonly<Record<keyof Deferred, (number: number) => string>> = {
  lowPriorityLogs: (number) => `${count(number, "log")} below WARNING`,
  logs: (number) => count(number, "log"),
  collectedMetrics: (number) => `${count(number, "metric")} of collectors and the agent`,
};

function sentLine(status: Status): readonly string[] {
  const { sent, budget } = status;
  if (sent === undefined) return [];
  const limit = (bytes: number | undefined) => (bytes === undefined ? "" : ` of ${bytes}`);
  const deferred = budget?.deferred === undefined ? "" : `; deferred: ${formatDeferred(budget.deferred)}`;
  const today = `${linkBytes(status, "today")} bytes${limit(budget?.bytesPerDay)} today`;
  const month = `${linkBytes(status, "month")}${limit(budget?.bytesPerMonth)} this month (UTC)`;
  return [
    `Link     ${today}, ${month}, both ways with TLS${deferred}`,
    `Sent     ${sent.today} bytes of bodies today, ${sent.month} this month`,
  ];
}

function formatDeferred(deferred: Deferred): string {
  const kinds = Object.keys(DEFERRED) as (keyof Deferred)[];
  const waiting = kinds.filter((kind) => deferred[kind] > 0);
  return waiting.map((kind) => DEFERRED[kind](deferred[kind])).join(", ") || "nothing";
}

type Queues = NonNullable<Status["queues"]>;

function queueTable(queues: Queues): string {
  const rows = queues.map(({ name, ledger, oldestAge, rates }) => [
    name,
    `${ledger.pending}`,
    oldestAge === undefined ? "-" : duration(oldestAge),
    rates === undefined ? "-" : rates.in.toFixed(1),
    rates === undefined ? "-" : rates.out.toFixed(1),
  ]);
  return table(["Queue", "Pending", "Oldest", "In/s", "Out/s"], rows);
}

/** Shows the sum, so that a reader can check it. */
function ledgerTable(queues: Queues): string {
  const rows = queues.map(({ name, ledger }) => {
    const { accepted, done, pending, dropped, missing, unknownLosses } = ledger;
    const lost =
      unknownLosses > 0
        ? `, ${unknownLosses} ${unknownLosses === 1 ? "loss" : "losses"} of unknown size`
        : "";
    return [
      name,
      `${accepted} = ${total(done)} + ${pending} + ${total(dropped)}${missing > 0 ? ` + ${missing} missing` : ""}`,
      `${formatCounts({ ...done, ...dropped }) || "-"}${lost}`,
    ];
  });
  return table(["All time", "Accepted = done + pending + dropped", "Details"], rows);
}

function shardTable(shards: NonNullable<Status["shards"]>): string {
  const rows = shards.map(({ shard, isOurs, holder, pending }) => [
    shard,
    isOurs ? "this one" : holder === undefined ? "none" : `${holder.host}, process ${holder.pid}`,
    `${pending}`,
  ]);
  return table(["Shard", "Agent", "Pending"], rows);
}

function collectorTable({ collectors, at }: Status): string {
  const rows = collectors.map(({ name, lastMetrics, lastSuccess, lastError, consecutiveFailures }) => [
    name,
    lastSuccess === undefined ? "-" : `${duration(at - lastSuccess / 1000)} ago`,
    `${lastMetrics}`,
    consecutiveFailures > 0 ? `${consecutiveFailures} in a row: ${lastError?.message ?? "skipped"}` : "-",
  ]);
  return table(["Collector", "Last success", "Metrics", "Failures"], rows);
}

/** The counts above 0; an empty text if there is none. */
function formatCounts(counts: Readonly<Record<string, number>>): string {
  const positive = Object.entries(counts).filter(([, number]) => number > 0);
  return positive.map(([name, number]) => `${words(name)} ${number}`).join(", ");
}
