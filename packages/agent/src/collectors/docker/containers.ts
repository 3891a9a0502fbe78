/** The engine's list of containers and its list of events, as far as they tell how containers are. */
import type { Seconds } from "@chouette-iot/record";
import type { DockerMetric } from "../../config/collector-metrics.js";
import type { CollectedMetric } from "../collector.js";

export interface Container {
  readonly id: string;
  readonly name: string;
  /** created, running, paused, restarting, exited, dead; and the like. */
  readonly state: string;
  /** Undefined if the container has no health check, or its first one is not done. */
  readonly isHealthy: boolean | undefined;
}

/** The answer to `/containers/json?all=true`. */
export function parseContainers(text: string): readonly Container[] {
  const list: unknown = JSON.parse(text);
  if (!Array.isArray(list)) throw new Error("the engine's answer is no list of containers");
  return list.map(({ Id, Names, State, Status }) => ({
    id: String(Id),
    name: ownName(Names) ?? String(Id).slice(0, 12),
    state: String(State).toLowerCase(),
    isHealthy: parseHealth(String(Status)),
  }));
}

/** `/web`, and not `/proxy/web`: the name that a link from another container gives it. */
function ownName(names: unknown): string | undefined {
  if (!Array.isArray(names)) return undefined;
  return names.map((name) => String(name).replace(/^\//, "")).find((name) => !name.includes("/"));
}

/** `Up 5 minutes (healthy)` */
function parseHealth(status: string): boolean | undefined {
  if (status.includes("(healthy)")) return true;
  return status.includes("(unhealthy)") ? false : undefined;
}

/** The present state: how many containers are in each, which run, and which are healthy. */
export function stateMetrics(
  containers: readonly Container[],
  metrics: readonly DockerMetric[],
): CollectedMetric[] {
  return [
    ...(metrics.includes("containers") ? totalMetrics(containers) : []),
    ...containers.flatMap((container) => [
      ...(metrics.includes("running") ? [runningMetric(container)] : []),
      ...(metrics.includes("healthy") ? healthyMetrics(container) : []),
    ]),
  ];
}

function totalMetrics(containers: readonly Container[]): CollectedMetric[] {
  const byState = new Map<string, number>([["running", 0]]);
  for (const { state } of containers) byState.set(state, (byState.get(state) ?? 0) + 1);
  return [...byState].map(([state, value]) => ({
    name: "Chouette.docker.containers",
    type: "gauge",
    value,
    tags: { state },
  }));
}

function runningMetric({ name: container, state }: Container): CollectedMetric {
  const value = state === "running" ? 1 : 0;
  return { name: "Chouette.docker.running", type: "gauge", value, tags: { container } };
}

function healthyMetrics({ name: container, isHealthy }: Container): CollectedMetric[] {
  if (isHealthy === undefined) return [];
  const value = isHealthy ? 1 : 0;
  return [{ name: "Chouette.docker.healthy", type: "gauge", value, tags: { container } }];
}

/**
 * How often each container was started, by id: the answer to `/events`, one JSON object a line.
 *
 * @param until later starts are left to the next round
 */
export function parseStarts(text: string, until: Seconds): ReadonlyMap<string, number> {
  const starts = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const { Actor, id, timeNano } = JSON.parse(line);
    if (timeNano / 1e9 >= until) continue;
    const container = String(Actor?.ID ?? id);
    starts.set(container, (starts.get(container) ?? 0) + 1);
  }
  return starts;
}

/**
 * Starts that were not a container's first.
 *
 * @param seen containers that had been started already when the events began
 */
export function restartMetrics(
  containers: readonly Container[],
  starts: ReadonlyMap<string, number>,
  seen: ReadonlySet<string>,
): CollectedMetric[] {
  return containers.map(({ id, name }) => {
    const count = starts.get(id) ?? 0;
    const value = seen.has(id) ? count : Math.max(0, count - 1);
    return { name: "Chouette.docker.restarts", type: "count", value, tags: { container: name } };
  });
}
