/** Metrics from a container's statistics, as Docker's engine (on cgroup v1 and v2) and Podman return them. */
import type { DockerMetric } from "../../config/collector-metrics.js";
import type { CollectedMetric } from "../collector.js";
import { gauge, rounded } from "../gauge.js";

/** The used parts of the response to `/containers/ID/stats`. Every part may be missing. */
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

/** CPU time that a container has used, and when that was read. */
export interface CpuReading {
  readonly nanoseconds: number;
  /** Milliseconds since the epoch, on the engine's clock. */
  readonly at: number;
}

/** Undefined if the container wasn't running. */
export function cpuReading({ read, cpu_stats }: Stats): CpuReading | undefined {
  const at = Date.parse(read ?? "");
  const nanoseconds = cpu_stats?.cpu_usage?.total_usage;
  return at > 0 && nanoseconds !== undefined ? { nanoseconds, at } : undefined;
}

/** Of one core: two busy cores are 200. Undefined if no time has passed, or the container was restarted. */
export function cpuPercentage(before: CpuReading, after: CpuReading): number | undefined {
  const used = (after.nanoseconds - before.nanoseconds) / 1_000_000;
  const passed = after.at - before.at;
  return passed > 0 && used >= 0 ? rounded((100 * used) / passed, 1) : undefined;
}

type Values = Readonly<Record<string, number | undefined>>;

/** How each of DOCKER_METRICS is read from a container's statistics. */
const READERS: Readonly<
  Partial<Record<DockerMetric, (stats: Stats, before: CpuReading | undefined) => Values>>
> = {
  memory: ({ memory_stats: memory }) => ({ "memory.usage": memory?.usage }),
  cpu: ({ cpu_stats: cpu }) => ({ "cpu.usage": cpu?.cpu_usage?.usage_in_kernelmode }),
  working_set: ({ memory_stats: memory = {} }) => ({ "memory.working_set": workingSet(memory) }),
  limit: ({ memory_stats: memory }) => ({ "memory.limit": memory?.limit }),
  cpu_percentage: (stats, before) => {
    const after = cpuReading(stats);
    return { "cpu.percentage": before && after && cpuPercentage(before, after) };
  },
  network,
  io: blockIo,
};

/** Whether any of these metrics needs statistics, which take a request per container. */
export function needsStats(metrics: readonly DockerMetric[]): boolean {
  return metrics.some((metric) => READERS[metric] !== undefined);
}

/** @param before the reading of the previous round, for the CPU percentage */
export function statsMetrics(
  container: string,
  stats: Stats,
  before: CpuReading | undefined,
  metrics: readonly DockerMetric[],
): CollectedMetric[] {
  if (cpuReading(stats) === undefined) return [];
  const tags = { container };
  return metrics.flatMap((metric) =>
    Object.entries(READERS[metric]?.(stats, before) ?? {}).flatMap(([name, value]): CollectedMetric[] =>
      value === undefined ? [] : [gauge(`Chouette.docker.${name}`, value, tags)],
    ),
  );
}

/** Without reclaimable page cache, as in `docker stats`. That part has different names in cgroup v1 and v2. */
function workingSet({ usage, stats }: NonNullable<Stats["memory_stats"]>): number | undefined {
  if (usage === undefined) return undefined;
  const cache = stats?.total_inactive_file ?? stats?.inactive_file ?? 0;
  return Math.max(0, usage - cache);
}

/** The sum of all interfaces; no values without interfaces. */
function network({ networks }: Stats): Readonly<Record<string, number>> {
  const interfaces = Object.values(networks ?? {});
  if (interfaces.length === 0) return {};
  return {
    "network.bytes.recv": interfaces.reduce((sum, { rx_bytes = 0 }) => sum + rx_bytes, 0),
    "network.bytes.sent": interfaces.reduce((sum, { tx_bytes = 0 }) => sum + tx_bytes, 0),
  };
}

/** The sum of all devices. Before its first I/O a container has no list, or an empty one: 0. */
function blockIo({ blkio_stats }: Stats): Readonly<Record<string, number>> {
  const sums = { read: 0, write: 0 };
  for (const { op, value = 0 } of blkio_stats?.io_service_bytes_recursive ?? []) {
    const kind = op?.toLowerCase();
    if (kind === "read" || kind === "write") sums[kind] += value;
  }
  return { "io.bytes.read": sums.read, "io.bytes.written": sums.write };
}
