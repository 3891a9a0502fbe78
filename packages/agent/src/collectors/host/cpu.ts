/** CPU from /proc/stat: how busy it was between two readings, and how many processes run or wait. */
import type { CollectedMetric } from "../collector.js";
import { readNow } from "../kernel-files.js";
import { rounded } from "../numbers.js";

/** Time spent since boot, in the kernel's ticks. */
export interface CpuTimes {
  readonly busy: number;
  readonly total: number;
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
  let all: CpuTimes = { busy: 0, total: 0 };
  let running = 0;
  let blocked = 0;
  for (const line of text.split("\n")) {
    const [label = "", ...fields] = line.split(/\s+/);
    if (label === "cpu") all = cpuTimes(fields);
    else if (label.startsWith("cpu")) cores.set(label.slice(3), cpuTimes(fields));
    else if (label === "procs_running") running = Number(fields[0]);
    else if (label === "procs_blocked") blocked = Number(fields[0]);
  }
  return { all, cores, running, blocked };
}

/** Guest time is left out, since user and nice time have it already; waiting for I/O is idling, as in psutil. */
function cpuTimes(fields: readonly string[]): CpuTimes {
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] =
    fields.map(Number);
  const busy = user + nice + system + irq + softirq + steal;
  return { busy, total: busy + idle + iowait };
}

/** Percent; undefined where no time has passed, or where the counters went back. */
export function busyPercentage(before: CpuTimes, after: CpuTimes): number | undefined {
  const total = after.total - before.total;
  const busy = after.busy - before.busy;
  if (total <= 0 || busy < 0) return undefined;
  return rounded((100 * busy) / total, 1);
}

export interface CpuOptions {
  readonly cpu: boolean;
  readonly cores: boolean;
  readonly processes: boolean;
}

/** Reads /proc/stat on each call; percentages come from the second call on. */
export function cpuReader(proc: string, options: CpuOptions): () => readonly CollectedMetric[] {
  let before: Stat | undefined;
  return () => {
    const after = parseStat(readNow(`${proc}/stat`));
    const metrics = statMetrics(before, after, options);
    before = after;
    return metrics;
  };
}

export function statMetrics(before: Stat | undefined, after: Stat, options: CpuOptions): CollectedMetric[] {
  const metrics: CollectedMetric[] = [];
  const percentage = before && busyPercentage(before.all, after.all);
  if (options.cpu && percentage !== undefined) {
    metrics.push({ name: "Chouette.host.cpu.percentage", type: "gauge", value: percentage });
  }
  if (options.cores) metrics.push(...coreMetrics(before, after));
  if (options.processes) {
    metrics.push({ name: "Chouette.host.processes.running", type: "gauge", value: after.running });
    metrics.push({ name: "Chouette.host.processes.blocked", type: "gauge", value: after.blocked });
  }
  return metrics;
}

function coreMetrics(before: Stat | undefined, after: Stat): CollectedMetric[] {
  const metrics: CollectedMetric[] = [];
  for (const [core, times] of after.cores) {
    const earlier = before?.cores.get(core);
    const value = earlier && busyPercentage(earlier, times);
    if (value === undefined) continue;
    metrics.push({ name: "Chouette.host.cpu.core.percentage", type: "gauge", value, tags: { core } });
  }
  return metrics;
}
