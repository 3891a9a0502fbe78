/** Load averages from /proc/loadavg. */
import type { CollectedMetric } from "../collector.js";
import { gauge } from "../gauge.js";
import { readKernelFile } from "../kernel-files.js";

export type Period = "1m" | "5m" | "15m";

const COLUMNS: Readonly<Record<Period, number>> = { "1m": 0, "5m": 1, "15m": 2 };

/** @param averages of 1, 5 and 15 minutes, in this order */
export function loadMetrics(averages: readonly number[], periods: readonly Period[]): CollectedMetric[] {
  return periods.map((period) =>
    gauge("Chouette.host.la", averages[COLUMNS[period]] ?? Number.NaN, { period }),
  );
}

/** The reader throws if the file doesn't begin with three numbers. */
export function loadReader(proc: string, periods: readonly Period[]): () => readonly CollectedMetric[] {
  return () => {
    const averages = readKernelFile(`${proc}/loadavg`).split(" ").slice(0, 3).map(Number.parseFloat);
    if (averages.length < 3 || averages.some(Number.isNaN))
      throw new Error("loadavg doesn't begin with three averages");
    return loadMetrics(averages, periods);
  };
}
