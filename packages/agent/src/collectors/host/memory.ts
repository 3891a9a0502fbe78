/** Memory and swap as `free` shows them, from /proc/meminfo. */
import type { HostMetric } from "../../config/collector-metrics.js";
import type { CollectedMetric } from "../collector.js";
import { gauge } from "../gauge.js";
import { readKernelFile } from "../kernel-files.js";

/** The file's lines by name, in bytes. */
export function parseMeminfo(text: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const [, name = "", kibibytes] of text.matchAll(/^(\w+):\s+(\d+) kB$/gm)) {
    values.set(name, Number(kibibytes) * 1024);
  }
  return values;
}

/** Throws without `MemTotal`: 0 would be wrong. */
export function memoryMetrics(
  meminfo: ReadonlyMap<string, number>,
  metrics: readonly HostMetric[],
): CollectedMetric[] {
  const total = meminfo.get("MemTotal");
  if (total === undefined) throw new Error("meminfo has no MemTotal");
  const available = meminfo.get("MemAvailable") ?? estimateAvailable(meminfo);
  const { SwapTotal = 0, SwapFree = 0 } = Object.fromEntries(meminfo);
  const ram = [
    gauge("Chouette.host.memory.used", total - available),
    gauge("Chouette.host.memory.available", available),
  ];
  const swap = [
    gauge("Chouette.host.swap.used", SwapTotal - SwapFree),
    gauge("Chouette.host.swap.free", SwapFree),
  ];
  return [...(metrics.includes("ram") ? ram : []), ...(metrics.includes("swap") ? swap : [])];
}

/** For kernels before 3.14, which have no `MemAvailable`. The estimate is that of procps' `free`. */
function estimateAvailable(meminfo: ReadonlyMap<string, number>): number {
  const of = (name: string) => meminfo.get(name) ?? 0;
  const reclaimable = of("Buffers") + of("Cached") + of("SReclaimable") - of("Shmem");
  return of("MemFree") + Math.max(0, reclaimable);
}

/** @param metrics all that are selected */
export function memoryReader(proc: string, metrics: readonly HostMetric[]): () => readonly CollectedMetric[] {
  return () => memoryMetrics(parseMeminfo(readKernelFile(`${proc}/meminfo`)), metrics);
}
