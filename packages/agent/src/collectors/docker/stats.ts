/** A container's statistics as metrics. The shapes are those of Docker's engine, on cgroup v1 and v2, and of Podman. */
import type { CollectedMetric } from "../collector.js";
import { rounded } from "../numbers.js";

/** The answer to `/containers/ID/stats`, as far as it is read. Every part may be missing. */
export interface Stats {
  /** When it was read; the year 1 for a container that doesn't run. */
  readonly read?: string;
  readonly cpu_stats?: {
    readonly cpu_usage?: { readonly total_usage?: number; readonly usage_in_kernelmode?: number };
  };
  readonly memory_stats?: {
    readonly usage?: number;
    readonly limit?: number;
    readonly stats?: Readonly<Record<string, number>> | null;
  };
  readonly networks?: Readonly<
    Record<string, { readonly rx_bytes?: number; readonly tx_bytes?: number }>
  > | null;
  readonly blkio_stats?: {
    readonly io_service_bytes_recursive?: readonly { readonly op?: string; readonly value?: number }[] | null;
  };
}

/** CPU time that a container had used, and when. */
export interface CpuReading {
  readonly nanoseconds: number;
  /** Milliseconds since the epoch, on the engine's clock. */
  readonly at: number;
}

/** Undefined where the container did not run when it was asked about. */
export function cpuReading({ read, cpu_stats }: Stats): CpuReading | undefined {
  const at = Date.parse(read ?? "");
  const nanoseconds = cpu_stats?.cpu_usage?.total_usage;
  return at > 0 && nanoseconds !== undefined ? { nanoseconds, at } : undefined;
}

/** Of one core: two busy cores are 200. Undefined where no time has passed, or the container began anew. */
export function cpuPercentage(before: CpuReading, after: CpuReading): number | undefined {
  const used = (after.nanoseconds - before.nanoseconds) / 1_000_000;
  const passed = after.at - before.at;
  return passed > 0 && used >= 0 ? rounded((100 * used) / passed, 1) : undefined;
}

export function statsMetrics(
  container: string,
  stats: Stats,
  before: CpuReading | undefined,
): CollectedMetric[] {
  const after = cpuReading(stats);
  if (after === undefined) return [];
  const { memory_stats: memory = {} } = stats;
  const values: Readonly<Record<string, number | undefined>> = {
    "cpu.usage": stats.cpu_stats?.cpu_usage?.usage_in_kernelmode,
    "cpu.percentage": before && cpuPercentage(before, after),
    "memory.usage": memory.usage,
    "memory.working_set": workingSet(memory),
    "memory.limit": memory.limit,
    ...network(stats),
    ...blockIo(stats),
  };
  const tags = { container };
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name: `Chouette.docker.${name}`, type: "gauge", value, tags }],
  );
}

/** Without the page cache that can be dropped at any time, as `docker stats` shows it. The name of that part is cgroup v1's or v2's. */
function workingSet({ usage, stats }: NonNullable<Stats["memory_stats"]>): number | undefined {
  if (usage === undefined) return undefined;
  const cache = stats?.total_inactive_file ?? stats?.inactive_file ?? 0;
  return Math.max(0, usage - cache);
}

/** All of its interfaces together; nothing where it has none. */
function network({ networks }: Stats): Readonly<Record<string, number>> {
  const interfaces = Object.values(networks ?? {});
  if (interfaces.length === 0) return {};
  return {
    "network.bytes.recv": interfaces.reduce((sum, { rx_bytes = 0 }) => sum + rx_bytes, 0),
    "network.bytes.sent": interfaces.reduce((sum, { tx_bytes = 0 }) => sum + tx_bytes, 0),
  };
}

/** All devices together. A container that did no I/O yet has no list, or an empty one: 0. */
function blockIo({ blkio_stats }: Stats): Readonly<Record<string, number>> {
  const sums = { read: 0, write: 0 };
  for (const { op, value = 0 } of blkio_stats?.io_service_bytes_recursive ?? []) {
    const kind = op?.toLowerCase();
    if (kind === "read" || kind === "write") sums[kind] += value;
  }
  return { "io.bytes.read": sums.read, "io.bytes.written": sums.write };
}
