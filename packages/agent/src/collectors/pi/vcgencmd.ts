/** Metrics from the output of vcgencmd, and from the firmware's flags, which /sys shows, too. */
import type { CollectedMetric } from "../collector.js";
import { gauge } from "../gauge.js";

/** The bit of each condition for now; the bit sixteen above it is for any time since boot. */
const FLAGS = [
  ["under_voltage", 0],
  ["frequency_capped", 1],
  ["throttled", 2],
  ["soft_temperature_limit", 3],
] as const;
const SINCE_BOOT = 16;

export function flagMetrics(flags: number): CollectedMetric[] {
  return FLAGS.flatMap(([condition, bit]) => [
    flagMetric(condition, "now", flags >> bit),
    flagMetric(condition, "since_boot", flags >> (bit + SINCE_BOOT)),
  ]);
}

function flagMetric(condition: string, when: string, shifted: number): CollectedMetric {
  return gauge(`Chouette.pi.${condition}`, shifted & 1, { when });
}

/** `throttled=0x50005` */
export function parseThrottled(text: string): number {
  return numberAfter(/^throttled=(0x[0-9a-f]+)/i, text);
}

/** `frequency(48)=1500345728`, in hertz. */
export function parseFrequency(text: string): number {
  return numberAfter(/^frequency\(\d+\)=(\d+)/, text);
}

/** `volt=0.8625V`, in volts. */
export function parseVoltage(text: string): number {
  return numberAfter(/^volt=([\d.]+)V/, text);
}

export function clockMetrics(clock: string, hertz: number): CollectedMetric[] {
  return [gauge("Chouette.pi.clock.frequency", hertz, { clock })];
}

function numberAfter(pattern: RegExp, text: string): number {
  const match = pattern.exec(text);
  if (match === null) throw new Error(`vcgencmd answered ${JSON.stringify(text.slice(0, 60))}`);
  return Number(match[1]);
}
