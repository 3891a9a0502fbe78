/** What `nvidia-smi --query-gpu … --format=csv,noheader,nounits` writes, as metrics. */
import type { CollectedMetric } from "../collector.js";

const MEBIBYTE = 1_048_576;

/** What is asked of each GPU after its number and name: nvidia-smi's name, ours, and by what to multiply. */
const READINGS = [
  ["utilization.gpu", "usage", 1],
  ["utilization.memory", "memory.usage", 1],
  ["memory.used", "memory.used", MEBIBYTE],
  ["memory.total", "memory.total", MEBIBYTE],
  ["temperature.gpu", "temperature", 1],
  ["power.draw", "power", 1],
  ["fan.speed", "fan", 1],
] as const;

export const FIELDS: readonly string[] = ["index", "name", ...READINGS.map(([field]) => field)];

/** A line for each GPU. `[N/A]` and the like stand where a GPU doesn't tell. */
export function gpuMetrics(text: string): CollectedMetric[] {
  return text.split("\n").flatMap((line) => {
    const [gpu, model, ...readings] = line.split(",").map((field) => field.trim());
    if (!gpu || model === undefined) return [];
    return READINGS.flatMap(([, name, factor], index) => {
      const value = Number.parseFloat(readings[index] ?? "") * factor;
      if (Number.isNaN(value)) return [];
      return [{ name: `Chouette.gpu.${name}`, type: "gauge", value, tags: { gpu, model } }];
    });
  });
}
