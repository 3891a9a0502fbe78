/** Memory and swap as `free` shows them, from /proc/meminfo. */
import type { CollectedMetric } from "../collector.js";
import { readNow } from "../kernel-files.js";

/** The file's lines by name, in bytes. */
export function parseMeminfo(text: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const [, name = "", kibibytes] of text.matchAll(/^(\w+):\s+(\d+) kB$/gm)) {
    values.set(name, Number(kibibytes) * 1024);
  }
  return values;
}

export interface MemoryOptions {
  readonly ram: boolean;
  readonly swap: boolean;
}

/** Throws without `MemTotal`: 0 would be wrong. */
export function memoryMetrics(
  meminfo: ReadonlyMap<string, number>,
  options: MemoryOptions,
): CollectedMetric[] {
  const of = (name: string) => meminfo.get(name) ?? 0;
  const total = meminfo.get("MemTotal");
  if (total === undefined) throw new Error("meminfo has no MemTotal");
  const metrics: CollectedMetric[] = [];
  if (options.ram) {
    const available = meminfo.get("MemAvailable") ?? estimateAvailable(meminfo);
    metrics.push({ name: "Chouette.host.memory.used", type: "gauge", value: total - available });
    metrics.push({ name: "Chouette.host.memory.available", type: "gauge", value: available });
  }
  if (options.swap) {
    const free = of("SwapFree");
    metrics.push({ name: "Chouette.host.swap.used", type: "gauge", value: of("SwapTotal") - free });
    metrics.push({ name: "Chouette.host.swap.free", type: "gauge", value: free });
  }
  return metrics;
}

/** For kernels before 3.14, which have no `MemAvailable`. The estimate is that of procps' `free`. */
function estimateAvailable(meminfo: ReadonlyMap<string, number>): number {
  const of = (name: string) => meminfo.get(name) ?? 0;
  const reclaimable = of("Buffers") + of("Cached") + of("SReclaimable") - of("Shmem");
  return of("MemFree") + Math.max(0, reclaimable);
}

export function memoryReader(proc: string, options: MemoryOptions): () => readonly CollectedMetric[] {
  return () => memoryMetrics(parseMeminfo(readNow(`${proc}/meminfo`)), options);
}
