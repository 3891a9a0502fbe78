/** The status for people. */
import type { HeldBack } from "../dispatch/byte-budget.js";
import { printable } from "../printable.js";
import { total } from "../status/ledger.js";
import type { BrokerMemory, DeliveryStatus, Status } from "../status/status.js";
import { table } from "./table.js";

export function statusText(status: Status): string {
  const { queues } = status;
  return [
    ...statusLines(status).map(printable),
    "",
    queues === undefined ? "The store does not answer.\n" : `${queueTable(queues)}\n${ledgerTable(queues)}`,
    ...(status.collectors.length > 0 ? [collectorTable(status)] : []),
  ].join("\n");
}

function statusLines(status: Status): readonly string[] {
  const { version, host, pid, uptime, ready } = status;
  return [
    `Chouette ${version} on ${host}, process ${pid}, up ${duration(uptime)}: ${ready.ok ? "ready" : `not ready, ${ready.reason}`}`,
    brokerLine(status),
    ...diskLine(status),
    outputLine(status),
    ...status.hangs.map((hang) => `${hang}: restart the agent`),
    ...status.outages.flatMap(({ of, now }) =>
      now === undefined ? [] : [`${of} is out for ${duration(now.lasting)}: ${now.reason}`],
    ),
    deliveryLine("Metrics", status.deliveries.metrics, status.at),
    deliveryLine("Logs", status.deliveries.logs, status.at),
    ...sentLine(status),
  ];
}

function brokerLine({ broker: { kind, counters, memory } }: Status): string {
  const counted = counters === undefined ? "" : `, ${inWords(counters)}`;
  return `Broker   ${kind}${counted}${memory === undefined ? "" : `, ${memoryText(memory)}`}`;
}

function diskLine({ broker: { disk } }: Status): readonly string[] {
  if (disk === undefined) return [];
  const { contentBytes, fileBytes, segments, runs, writtenBytes, writtenBytesPerDay, full } = disk;
  const files = `${segments} ${segments === 1 ? "segment" : "segments"}, ${runs} ${runs === 1 ? "run" : "runs"}`;
  const rate = writtenBytesPerDay === undefined ? "" : `, ${(writtenBytesPerDay / 1e9).toFixed(2)} GB a day`;
  const written = `${writtenBytes} bytes written since the start${rate}`;
  return [`Disk     ${full ?? "ok"}: ${contentBytes} bytes in ${fileBytes} of files (${files}); ${written}`];
}

function memoryText({ usedBytes, maxBytes }: BrokerMemory): string {
  const limit = maxBytes === undefined ? "" : ` of ${maxBytes}`;
  return `memory ${usedBytes}${limit} bytes`;
}

function outputLine({ output: { kind, url } }: Status): string {
  return `Output   ${url ?? kind}`;
}

function deliveryLine(
  what: string,
  { requests, records, bytes, last, meanDelay }: DeliveryStatus,
  at: number,
) {
  const lately = last === undefined ? "none delivered yet" : `last delivered ${duration(at - last)} ago`;
  const delay = meanDelay === undefined ? "" : `, ${duration(meanDelay)} after the fact on average`;
  return `${what.padEnd(8)} ${lately}; since the start ${records} records, ${bytes} bytes${delay}; requests: ${inWords(requests)}`;
}

const HELD_BACK: Readonly<Record<keyof HeldBack, string>> = {
  lesserLogs: "logs below WARNING",
  logs: "logs",
  collected: "metrics of collectors and of the agent",
};

function sentLine({ sent, budget }: Status): readonly string[] {
  if (sent === undefined) return [];
  const most = budget === undefined ? "" : ` of ${budget.bytesPerDay}`;
  const held = budget?.heldBack === undefined ? "" : `; held back: ${heldInWords(budget.heldBack)}`;
  return [`Sent     ${sent.today} bytes${most} today, ${sent.month} this month (UTC)${held}`];
}

function heldInWords(heldBack: HeldBack): string {
  const kinds = Object.keys(HELD_BACK) as (keyof HeldBack)[];
  const held = kinds.filter((kind) => heldBack[kind] > 0);
  return held.map((kind) => `${heldBack[kind]} ${HELD_BACK[kind]}`).join(", ") || "nothing";
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
  return table(["Queue", "Waiting", "Oldest", "In/s", "Out/s"], rows);
}

/** With the sum in words, so that it can be checked by reading. */
function ledgerTable(queues: Queues): string {
  const rows = queues.map(({ name, ledger }) => {
    const { accepted, done, pending, dropped, missing, unknownLosses } = ledger;
    const lost = unknownLosses > 0 ? `, and unknown losses ${unknownLosses} times` : "";
    return [
      name,
      `${accepted} = ${total(done)} + ${pending} + ${total(dropped)}${missing > 0 ? ` + ${missing} missing` : ""}`,
      `${inWords({ ...done, ...dropped })}${lost}`,
    ];
  });
  return table(["Since ever", "Accepted = done + waiting + dropped", "In detail"], rows);
}

function collectorTable({ collectors, at }: Status): string {
  const rows = collectors.map(({ name, lastMetrics, lastSuccess, lastError, consecutiveFailures }) => [
    name,
    lastSuccess === undefined ? "-" : `${duration(at - lastSuccess / 1000)} ago`,
    `${lastMetrics}`,
    consecutiveFailures > 0 ? `${consecutiveFailures} times: ${lastError?.message ?? "left out"}` : "-",
  ]);
  return table(["Collector", "Last good", "Metrics", "Fails"], rows);
}

/** Counts that are above 0, by name. */
function inWords(counts: Readonly<Record<string, number>>): string {
  const told = Object.entries(counts).filter(([, count]) => count > 0);
  return told.map(([name, count]) => `${wordsOf(name)} ${count}`).join(", ") || "-";
}

function wordsOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** @param length in seconds */
function duration(length: number): string {
  const whole = Math.round(length);
  if (whole < 120) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}
