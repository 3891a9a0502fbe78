/** The values of settings that select a collector's metrics, such as `HOST_COLLECTOR_METRICS`. */

export const HOST_METRICS = [
  "cpu",
  "fs",
  "la",
  "ram",
  "network",
  "swap",
  "disk",
  "cores",
  "uptime",
  "processes",
  "inodes",
  "pressure",
  "la5",
  "la15",
] as const;

export type HostMetric = (typeof HOST_METRICS)[number];

/** The first two are what the Python agent sends. */
export const DOCKER_METRICS = [
  "memory",
  "cpu",
  "working_set",
  "limit",
  "cpu_percentage",
  "network",
  "io",
  "restarts",
  "running",
  "healthy",
  "containers",
] as const;

export type DockerMetric = (typeof DOCKER_METRICS)[number];

/** `ram` and `filesystem` are the Python agent's names for memory and fs. */
export const POD_METRICS = ["memory", "ram", "cpu", "network"] as const;
export const NODE_METRICS = ["memory", "ram", "cpu", "network", "fs", "filesystem", "inodes"] as const;

export type PodMetric = (typeof POD_METRICS)[number];
export type NodeMetric = (typeof NODE_METRICS)[number];

export interface K8sMetrics {
  readonly pods: readonly PodMetric[];
  readonly node: readonly NodeMetric[];
}

export const PI_METRICS = ["temp", "throttled", "clock", "core_clock", "voltage"] as const;

export type PiMetric = (typeof PI_METRICS)[number];

export const TEGRASTATS_METRICS = ["ram", "temp", "swap", "gpu", "emc", "cpu", "power"] as const;

export type TegrastatsMetric = (typeof TEGRASTATS_METRICS)[number];
