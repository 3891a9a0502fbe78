/** What the docker collector can be asked for: the first two are what the original sends. */
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
