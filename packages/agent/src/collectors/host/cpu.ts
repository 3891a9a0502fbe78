/** CPU use between two readings, and numbers of running and blocked processes, from /proc/stat. */
import type { HostMetric } from "../../config/collector-metrics.js";
import type { CollectedMetric } from "../collector.js";
import { gauge, rounded } from "../gauge.js";
import { readKernelFile } from "../kernel-files.js";

/** Time since boot in each state, in the kernel's ticks. */
export interface CpuTimes {
  readonly busy: readonly number[];
  readonly idle: readonly number[];
}

export interface Stat {
  /** All cores together. */
  readonly all: CpuTimes;
  readonly cores: ReadonlyMap<string, CpuTimes>;
  readonly running: number;
  readonly blocked: number;
}

export function parseStat(text: string): Stat {
  const cores = new Map<string, CpuTimes>();
  let all: CpuTimes | undefined;
  let running = 0;
  let blocked = 0;
  for (const line of text.split("\n")) {
    const [label = "", ...fields] = line.split(/\s+/);
    if (label === "cpu") all = cpuTimes(fields);
    else if (label.startsWith("cpu")) cores.set(label.slice(3), cpuTimes(fields));
    else if (label === "procs_running") running = Number(fields[0]);
    else if (label === "procs_blocked") blocked = Number(fields[0]);
  }
  if (all === undefined) throw new Error("stat has no line for all CPUs");
  return { all, cores, running, blocked };
}

/** Without guest time, which user and nice time include. Waiting for I/O counts as idle, as in psutil. */
function cpuTimes(fields: readonly string[]): CpuTimes {
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] =
    fields.map(Number);
  return { busy: [user, nice, system, irq, softirq, steal], idle: [idle, iowait] };
}

/** Percent; undefined if no time has passed. */
export function busyPercentage(before: CpuTimes, after: CpuTimes): number | undefined {
  const busy = elapsed(before.busy, after.busy);
  const total = busy + elapsed(before.idle, after.idle);
  return total > 0 ? rounded((100 * busy) / total, 1) : undefined;
}

/** A counter may go back (iowait does, proc(5)): it then counts as 0, as in htop. */
function elapsed(before: readonly number[], after: readonly number[]): number {
  return after.reduce((sum, ticks, state) => sum + Math.max(0, ticks - (before[state] ?? 0)), 0);
}

/** Reads /proc/stat with each call. The first call returns no percentages. @param metrics all that are selected */
export function cpuReader(proc: string, metrics: readonly HostMetric[]): () => readonly CollectedMetric[] {
  let before: Stat | undefined;
  return () => {
    const after = parseStat(readKernelFile(`${proc}/stat`));
    const collected = statMetrics(before, after, metrics);
    before = after;
    return collected;
  };
}

export function statMetrics(
  before: Stat | undefined,
  after: Stat,
  metrics: readonly HostMetric[],
): CollectedMetric[] {
  const percentage = before && busyPercentage(before.all, after.all);
  return [
    ...(metrics.includes("cpu") && percentage !== undefined
      ? [gauge("Chouette.host.cpu.percentage", percentage)]
      : []),
    ...(metrics.includes("cores") ? coreMetrics(before, after) : []),
    ...(metrics.includes("processes")
      ? [
          gauge("Chouette.host.processes.running", after.running),
          gauge("Chouette.host.processes.blocked", after.blocked),
        ]
      : []),
  ];
}

function coreMetrics(before: Stat | undefined, after: Stat): CollectedMetric[] {
  return [...after.cores].flatMap(([core, times]) => {
    const earlier = before?.cores.get(core);
    const value = earlier && busyPercentage(earlier, times);
    return value === undefined ? [] : [gauge("Chouette.host.cpu.core.percentage", value, { core })];
  });
}
