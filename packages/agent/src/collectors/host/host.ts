/**
 * The host collector: CPU, memory, load, file systems, network and more of the device itself.
 *
 * On Linux it reads the kernel's files, on macOS it uses a library. Promises: a part that can't be read costs only that
 * part. CPU, disk and pressure cover the time between two rounds, so the first round doesn't have them.
 */
import { existsSync, readdirSync } from "node:fs";
import { messageOf } from "@chouette-iot/record";
import type { HostMetric } from "../../config/collector-metrics.js";
import type { CollectedMetric, Collector, CollectorContext, Round } from "../collector.js";
import { gauge } from "../gauge.js";
import { readKernelFile } from "../kernel-files.js";
import { cpuReader } from "./cpu.js";
import { diskReader } from "./disks.js";
import { fileSystemReader } from "./file-systems.js";
import { loadReader, type Period } from "./load-average.js";
import { memoryReader } from "./memory.js";
import { networkReader } from "./network.js";
import { pressureReader } from "./pressure.js";

export { description } from "./host-description.js";

export interface HostOptions {
  readonly metrics: readonly HostMetric[];
  /** Mount points of the host's /proc, /sys and /. */
  readonly proc: string;
  readonly sys: string;
  readonly root: string;
}

/** Reads one part of the host. */
type Part = (round: Round) => readonly CollectedMetric[] | Promise<readonly CollectedMetric[]>;

/** A part, and the name under which a problem with it is reported. */
type NamedPart = readonly [name: string, part: Part];

export async function open({ settings }: CollectorContext): Promise<Collector> {
  const { hostMetrics: metrics, hostProc: proc, hostSys: sys, hostRoot: root } = settings;
  if (process.platform === "linux") return hostCollector({ metrics, proc, sys, root });
  return (await import("./by-library.js")).hostByLibrary(metrics);
}

export function hostCollector(options: HostOptions): Collector {
  const parts = linuxParts(options);
  return {
    name: "host",
    subject: describeSubject(options),
    collect: async (round) => {
      const metrics = await Promise.all(parts.map((part) => readPart(part, round)));
      return metrics.flat();
    },
  };
}

async function readPart([name, part]: NamedPart, round: Round): Promise<readonly CollectedMetric[]> {
  const report = (problem: string) => round.report(`${name}: ${problem}`);
  try {
    return await part({ ...round, report });
  } catch (error) {
    report(messageOf(error));
    return [];
  }
}

const PERIODS: readonly (readonly [HostMetric, Period])[] = [
  ["la", "1m"],
  ["la5", "5m"],
  ["la15", "15m"],
];

function linuxParts({ metrics, proc, sys, root }: HostOptions): readonly NamedPart[] {
  const wants = (...any: readonly HostMetric[]) => any.some((metric) => metrics.includes(metric));
  // The namespaces of the host's first process; those of this process may be a container's.
  const pid = proc === "/proc" ? "self" : "1";
  const periods = PERIODS.filter(([metric]) => wants(metric)).map(([, period]) => period);
  const parts: readonly (readonly [name: string, part: Part | false])[] = [
    ["cpu", wants("cpu", "cores", "processes") && cpuReader(proc, metrics)],
    ["memory", wants("ram", "swap") && memoryReader(proc, metrics)],
    ["load", periods.length > 0 && loadReader(proc, periods)],
    ["file systems", wants("fs", "inodes") && fileSystemReader(proc, pid, root, metrics)],
    ["network", wants("network") && networkReader(proc, pid)],
    ["disk", wants("disk") && diskReader(proc, sys)],
    ["processes", wants("processes") && (() => countProcesses(proc))],
    ["uptime", wants("uptime") && (() => readUptime(proc))],
    ["pressure", wants("pressure") && pressureReader(proc)],
  ];
  return parts.flatMap(([name, part]) => (part ? [[name, part] as const] : []));
}

/** Throws if other users' processes are hidden (hidepid, systemd's ProtectProc): the number would be wrong. */
function countProcesses(proc: string): readonly CollectedMetric[] {
  const processes = readdirSync(proc).filter((name) => /^\d+$/.test(name));
  if (!processes.includes("1")) throw new Error(`total not available: ${proc} is mounted with hidepid`);
  return [gauge("Chouette.host.processes.total", processes.length)];
}

function readUptime(proc: string): readonly CollectedMetric[] {
  const value = Math.floor(Number.parseFloat(readKernelFile(`${proc}/uptime`)));
  if (Number.isNaN(value)) throw new Error("uptime doesn't begin with a number");
  return [gauge("Chouette.host.uptime", value)];
}

/** In a container, the kernel's figures are the host's, but mounts and interfaces are the container's. */
function describeSubject({ proc, root }: HostOptions): string {
  if (proc !== "/proc") return `the host, through ${proc} and ${root}`;
  const inContainer = existsSync("/.dockerenv") || existsSync("/run/.containerenv");
  if (!inContainer) return "this host";
  return "CPU, memory and load of the host; file systems and network of this container (HOST_PROC, HOST_ROOT)";
}
