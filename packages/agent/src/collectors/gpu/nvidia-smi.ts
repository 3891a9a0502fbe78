/** Metrics from the output of `nvidia-smi --query-gpu … --format=csv,noheader,nounits`. */
import type { CollectedMetric } from "../collector.js";
import { gauge } from "../gauge.js";

const MEBIBYTE = 1_048_576;

/** The queried fields after index and name: nvidia-smi's name, the metric's name, and a factor. */
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

/**
 * One line per GPU. A value that a GPU doesn't report is `[N/A]` or similar.
 *
 * @throws if there is no GPU: nvidia-smi prints "No devices were found" and exits with 0
 */
export function gpuMetrics(text: string): CollectedMetric[] {
  const metrics = text.split("\n").flatMap(gpuLineMetrics);
  if (metrics.length > 0) return metrics;
  throw new Error(`nvidia-smi lists no GPU: ${JSON.stringify(text.trim().slice(0, 60))}`);
}

function gpuLineMetrics(line: string): CollectedMetric[] {
  const [gpu, model, ...readings] = line.split(",").map((field) => field.trim());
  if (!gpu || model === undefined) return [];
  return READINGS.flatMap(([, name, factor], index) => {
    const value = Number.parseFloat(readings[index] ?? "") * factor;
    if (Number.isNaN(value)) return [];
    return [gauge(`Chouette.gpu.${name}`, value, { gpu, model })];
  });
}
