/** The state of containers, from the engine's list of containers and its events. */
import type { Seconds } from "@chouette-iot/record";
import type { DockerMetric } from "../../config/collector-metrics.js";
import type { CollectedMetric } from "../collector.js";
import { gauge } from "../gauge.js";

export interface Container {
  readonly id: string;
  readonly name: string;
  /** Such as created, running, paused, restarting, exited, dead. */
  readonly state: string;
  /** Undefined without a health check, and before the first one is done. */
  readonly isHealthy: boolean | undefined;
}

/** @param text the response to `/containers/json?all=true`. Throws if it isn't a list */
export function parseContainers(text: string): readonly Container[] {
  const list: unknown = JSON.parse(text);
  if (!Array.isArray(list)) throw new Error("the engine's response isn't a list of containers");
  return list.map(({ Id, Names, State, Status }) => ({
    id: String(Id),
    name: ownName(Names) ?? String(Id).slice(0, 12),
    state: String(State).toLowerCase(),
    isHealthy: parseHealth(String(Status)),
  }));
}

/** `/web`, not `/proxy/web`, which is the name of a link from another container. */
function ownName(names: unknown): string | undefined {
  if (!Array.isArray(names)) return undefined;
  return names.map((name) => String(name).replace(/^\//, "")).find((name) => !name.includes("/"));
}

/** `Up 5 minutes (healthy)` */
function parseHealth(status: string): boolean | undefined {
  if (status.includes("(healthy)")) return true;
  return status.includes("(unhealthy)") ? false : undefined;
}

/** The number of containers in each state, and which ones run and are healthy. */
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
  return [...byState].map(([state, value]) => gauge("Chouette.docker.containers", value, { state }));
}

function runningMetric({ name: container, state }: Container): CollectedMetric {
  return gauge("Chouette.docker.running", Number(state === "running"), { container });
}

function healthyMetrics({ name: container, isHealthy }: Container): CollectedMetric[] {
  return isHealthy === undefined ? [] : [gauge("Chouette.docker.healthy", Number(isHealthy), { container })];
}

/**
 * The number of starts of each container, by id.
 *
 * @param text the response to `/events`, a JSON object per line
 * @param until later starts belong to the next round
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
 * Restarts: all starts except a container's first.
 *
 * @param seen containers that had been started before the events
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
