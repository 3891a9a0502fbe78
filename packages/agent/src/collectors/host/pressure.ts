/** The share of time in which tasks waited for CPU, memory or I/O: the kernel's pressure stall information. */
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import type { CollectedMetric, Round } from "../collector.js";
import { gauge, rounded } from "../gauge.js";
import { readKernelFile } from "../kernel-files.js";

const RESOURCES = ["cpu", "memory", "io"] as const;

/**
 * Microseconds since boot in which `some` or all (`full`) tasks waited.
 *
 * @throws if the text has no such line
 */
export function parsePressure(text: string): ReadonlyMap<string, number> {
  const stalled = new Map<string, number>();
  for (const [, share = "", total] of text.matchAll(/^(some|full) .*total=(\d+)$/gm)) {
    stalled.set(share, Number(total));
  }
  if (stalled.size === 0) throw new Error("the pressure file has no totals");
  return stalled;
}

export function pressureMetrics(
  resource: string,
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  elapsed: Milliseconds,
): CollectedMetric[] {
  const metrics: CollectedMetric[] = [];
  for (const [share, stalled] of after) {
    const earlier = before.get(share);
    if (earlier === undefined || elapsed <= 0) continue;
    const value = Math.min(100, rounded(Math.max(0, stalled - earlier) / (10 * elapsed), 2));
    metrics.push(gauge("Chouette.host.pressure", value, { resource, share }));
  }
  return metrics;
}

/** The first call returns no metrics. Throws if the kernel has no pressure stall information. */
export function pressureReader(proc: string): (round: Pick<Round, "clock">) => readonly CollectedMetric[] {
  const before = new Map<string, ReadonlyMap<string, number>>();
  let readAt: Milliseconds | undefined;
  return ({ clock }) => {
    const now = clock.monotonic();
    const elapsed = milliseconds(now - (readAt ?? now));
    readAt = now;
    return RESOURCES.flatMap((resource) => {
      const after = parsePressure(readKernelFile(`${proc}/pressure/${resource}`));
      const earlier = before.get(resource) ?? new Map();
      before.set(resource, after);
      return pressureMetrics(resource, earlier, after, elapsed);
    });
  };
}
