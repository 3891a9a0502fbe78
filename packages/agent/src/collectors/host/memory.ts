/** Memory and swap from /proc/meminfo, counted as `free` counts them. */
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

export function memoryMetrics(
  meminfo: ReadonlyMap<string, number>,
  options: MemoryOptions,
): CollectedMetric[] {
  const of = (name: string) => meminfo.get(name) ?? 0;
  const metrics: CollectedMetric[] = [];
  if (options.ram) {
    const available = of("MemAvailable");
    metrics.push({ name: "Chouette.host.memory.used", type: "gauge", value: of("MemTotal") - available });
    metrics.push({ name: "Chouette.host.memory.available", type: "gauge", value: available });
  }
  if (options.swap) {
    const free = of("SwapFree");
    metrics.push({ name: "Chouette.host.swap.used", type: "gauge", value: of("SwapTotal") - free });
    metrics.push({ name: "Chouette.host.swap.free", type: "gauge", value: free });
  }
  return metrics;
}

export function memoryReader(proc: string, options: MemoryOptions): () => readonly CollectedMetric[] {
  return () => memoryMetrics(parseMeminfo(readNow(`${proc}/meminfo`)), options);
}
