/** What the host collector can be asked for. */
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
