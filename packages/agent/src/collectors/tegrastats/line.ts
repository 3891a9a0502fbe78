/**
 * Metrics from a line of tegrastats, on Jetson Nano, TX2, Xavier and Orin.
 *
 * The line is a list of readings, each in its own format, and differs by board and release. Missing readings are left
 * out. NVIDIA's Jetson Linux Developer Guide describes the fields ("tegrastats Utility").
 */
import type { Tags } from "@chouette-iot/record";
import type { TegrastatsMetric } from "../../config/collector-metrics.js";
import type { CollectedMetric } from "../collector.js";
import { gauge as collectedGauge } from "../gauge.js";

const MEGABYTE = 1_048_576;
const MEGAHERTZ = 1_000_000;
/** Reading of a sensor whose part of the chip is switched off. */
const SWITCHED_OFF = -256;

const READERS: Readonly<Record<TegrastatsMetric, (line: string) => CollectedMetric[]>> = {
  ram: (line) => memoryMetrics("ram", /\bRAM (\d+)\/(\d+)MB/.exec(line)),
  swap: (line) => memoryMetrics("swap", /\bSWAP (\d+)\/(\d+)MB/.exec(line)),
  temp: temperatureMetrics,
  gpu: (line) => usageMetrics("gpu", /\bGR3D(?:_FREQ)? (\d+)%/.exec(line)),
  emc: (line) => usageMetrics("emc", /\bEMC(?:_FREQ)? (\d+)%/.exec(line)),
  cpu: cpuMetrics,
  power: powerMetrics,
};

export function lineMetrics(line: string, metrics: readonly TegrastatsMetric[]): CollectedMetric[] {
  return metrics.flatMap((metric) => READERS[metric](line));
}

/** `RAM 1459/3964MB`: used, total. */
function memoryMetrics(kind: string, match: RegExpExecArray | null): CollectedMetric[] {
  if (match === null) return [];
  const [used, total] = [Number(match[1]), Number(match[2])];
  return [gauge(`${kind}.used`, used * MEGABYTE), gauge(`${kind}.free`, (total - used) * MEGABYTE)];
}

/** `CPU@45.5C`. PMIC, the power controller, always shows the same value. */
function temperatureMetrics(line: string): CollectedMetric[] {
  const metrics: CollectedMetric[] = [];
  for (const [, zone = "", degrees] of line.matchAll(/\b(\w+)@(-?\d+(?:\.\d+)?)C\b/g)) {
    const value = Number(degrees);
    if (zone !== "PMIC" && value !== SWITCHED_OFF) metrics.push(gauge("temperature", value, { zone }));
  }
  return metrics;
}

/** `GR3D_FREQ 0%@76`, `GR3D_FREQ 0%@[305,305]`, `EMC_FREQ 0%`. */
function usageMetrics(part: string, match: RegExpExecArray | null): CollectedMetric[] {
  return match === null ? [] : [gauge(`${part}.usage`, Number(match[1]))];
}

/** `CPU [5%@102,off,…]`: load, and clock in MHz, of each core that is on. */
function cpuMetrics(line: string): CollectedMetric[] {
  const cores = /\bCPU \[([^\]]*)\]/.exec(line)?.[1]?.split(",") ?? [];
  return cores.flatMap((reading, index) => {
    const [, usage, clock] = /^\s*(\d+)%@(\d+)/.exec(reading) ?? [];
    if (usage === undefined || clock === undefined) return [];
    const tags = { core: `${index}` };
    return [gauge("cpu.usage", Number(usage), tags), gauge("cpu.frequency", Number(clock) * MEGAHERTZ, tags)];
  });
}

/**
 * `VDD_IN 4000mW/4000mW`, or `POM_5V_IN 1022/1022`: milliwatts, current and average. JetPack 7.2 added a third number.
 */
function powerMetrics(line: string): CollectedMetric[] {
  const rails = line.matchAll(/\b(\w+) (\d+)(?:mW)?(?:\/\d+(?:mW)?){1,2}(?=\s|$)/g);
  return [...rails].map(([, rail = "", milliwatts]) => gauge("power", Number(milliwatts) / 1000, { rail }));
}

function gauge(name: string, value: number, tags?: Tags): CollectedMetric {
  return collectedGauge(`Chouette.tegrastats.${name}`, value, tags);
}
