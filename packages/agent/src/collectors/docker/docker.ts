/**
 * The docker collector: the resources and the state of each container.
 *
 * Requests the list, then the statistics of all running containers in parallel, one request each, as one-shot: the engine
 * would take a second to compute the CPU percentage, which is computed here between two rounds. A container that
 * disappears meanwhile is skipped and isn't an error. Only requests for metrics in DOCKER_METRICS are made.
 */
import { messageOf, type Seconds, toSeconds } from "@chouette-iot/record";
import type { DockerMetric } from "../../config/collector-metrics.js";
import type { CollectedMetric, Collector, CollectorContext, Round } from "../collector.js";
import { type CollectorDescription, metricTable } from "../description.js";
import { type Container, parseContainers, parseStarts, restartMetrics, stateMetrics } from "./containers.js";
import { Engine } from "./engine.js";
import { type CpuReading, cpuReading, needsStats, type Stats, statsMetrics } from "./stats.js";

const CONTAINER = ["container"];

export const description: CollectorDescription = {
  name: "docker",
  sees: "The containers of Docker, or of Podman through its compatible socket.",
  reads:
    "`/containers/json`, `/containers/ID/stats` of each running container, and, for `restarts`, `/events` since the last round, " +
    "all in parallel. A container that isn't running has only its state. The first round has no `cpu.percentage` and `restarts`.",
  needs:
    "Access to the socket: root, or the group `docker`. Docker 20.10 or later, or Podman's service (tested with 4.3).",
  costs:
    "Two requests, and one for each running container. Docker 20.10 reads statistics once a second, so a round takes " +
    "at most a second in total. Earlier engines take two seconds per container.",
  settings: ["dockerMetrics", "dockerSocketPath"],
  metrics: metricTable("Chouette.docker", [
    ["memory.usage", "byte", CONTAINER, "Memory in use, page cache included (`memory`)"],
    ["cpu.usage", "nanosecond", CONTAINER, "CPU time in kernel mode since its start (`cpu`)"],
    [
      "memory.working_set",
      "byte",
      CONTAINER,
      "Memory in use without reclaimable page cache, as shown by `docker stats` (`working_set`)",
    ],
    ["memory.limit", "byte", CONTAINER, "Memory limit (`limit`)"],
    [
      "cpu.percentage",
      "percent",
      CONTAINER,
      "CPU time in percent of one core: two busy cores are 200 (`cpu_percentage`)",
    ],
    ["network.bytes.recv", "byte", CONTAINER, "Received since its start (`network`)"],
    ["network.bytes.sent", "byte", CONTAINER, "Sent since its start (`network`)"],
    ["io.bytes.read", "byte", CONTAINER, "Read from block devices since its start (`io`)"],
    ["io.bytes.written", "byte", CONTAINER, "Written to block devices since its start (`io`)"],
    ["restarts", "", CONTAINER, "Restarts since the last round (`restarts`)", "count"],
    ["running", "", CONTAINER, "1 if it runs, else 0 (`running`)"],
    [
      "healthy",
      "",
      CONTAINER,
      "1 if its health check passes, 0 if not; not sent without a health check (`healthy`)",
    ],
    ["containers", "", ["state"], "Number of containers in each state (`containers`)"],
  ]),
};

export function open({ settings }: Pick<CollectorContext, "settings">): Collector {
  return dockerCollector(settings.dockerSocketPath, settings.dockerMetrics);
}

/** Kept from one round to the next. */
interface Memory {
  readonly at: Seconds;
  /** Containers that had been started. */
  readonly started: ReadonlySet<string>;
  readonly cpu: ReadonlyMap<string, CpuReading>;
}

export function dockerCollector(socketPath: string, metrics: readonly DockerMetric[]): Collector {
  const engine = new Engine(socketPath);
  let before: Memory | undefined;
  return {
    name: "docker",
    subject: engine.socketPath,
    collect: async (round) => {
      const at = toSeconds(round.clock.now());
      const listed = await listContainers(engine, round);
      const { containers } = listed;
      const [restarts, stats] = await Promise.all([
        before !== undefined && metrics.includes("restarts")
          ? countRestarts(engine, listed, before, at, round)
          : [],
        readStats(engine, needsStats(metrics) ? containers : [], before, metrics, round),
      ]);
      const started = new Set(containers.filter(({ state }) => state !== "created").map(({ id }) => id));
      before = { at, started, cpu: stats.cpu };
      return [...stateMetrics(containers, metrics), ...restarts, ...stats.metrics];
    },
    close: () => engine.close(),
  };
}

async function listContainers(engine: Engine, { signal }: Round) {
  const { status, body, isPodman } = await engine.get("/containers/json?all=true", signal);
  if (status !== 200) throw new Error(`the engine answered ${status} to the request for containers`);
  return { containers: parseContainers(body), isPodman };
}

async function countRestarts(
  engine: Engine,
  { containers, isPodman }: Awaited<ReturnType<typeof listContainers>>,
  before: Memory,
  until: Seconds,
  { signal, report }: Round,
): Promise<readonly CollectedMetric[]> {
  const { status, body } = await engine.get(startsPath(before.at, until, isPodman), signal);
  if (status === 200) return restartMetrics(containers, parseStarts(body, until), before.started);
  report(`the engine answered ${status} to the request for events`);
  return [];
}

/** Docker's list of events needs an end. With one, Podman's (4.3) would be empty; `stream=false` ends it. */
function startsPath(since: Seconds, until: Seconds, isPodman: boolean): string {
  const filters = encodeURIComponent(JSON.stringify({ type: ["container"], event: ["start"] }));
  const end = isPodman ? "stream=false" : `until=${until.toFixed(9)}`;
  return `/events?since=${since.toFixed(9)}&${end}&filters=${filters}`;
}

async function readStats(
  engine: Engine,
  containers: readonly Container[],
  before: Memory | undefined,
  metrics: readonly DockerMetric[],
  { signal, report }: Round,
): Promise<{ readonly metrics: readonly CollectedMetric[]; readonly cpu: ReadonlyMap<string, CpuReading> }> {
  const cpu = new Map<string, CpuReading>();
  const readings = containers
    .filter(({ state }) => state === "running" || state === "paused")
    .map(async ({ id, name }) => {
      const stats = await readOne(engine, id, signal);
      const reading = stats && cpuReading(stats);
      if (stats === undefined || reading === undefined) return [];
      cpu.set(id, reading);
      return statsMetrics(name, stats, before?.cpu.get(id), metrics);
    });
  const settled = await Promise.allSettled(readings);
  const read = settled.flatMap((reading) => {
    if (reading.status === "fulfilled") return reading.value;
    report(messageOf(reading.reason));
    return [];
  });
  return { metrics: read, cpu };
}

/** Undefined if the container was stopped or removed meanwhile. */
async function readOne(engine: Engine, id: string, signal: AbortSignal): Promise<Stats | undefined> {
  const { status, body } = await engine.get(`/containers/${id}/stats?stream=false&one-shot=true`, signal);
  // The engine's response is empty if the container disappears while it is read.
  if (status === 404 || status === 409 || (status === 200 && body === "")) return undefined;
  if (status !== 200)
    throw new Error(`the engine answered ${status} to the request for statistics of ${id.slice(0, 12)}`);
  return JSON.parse(body);
}
