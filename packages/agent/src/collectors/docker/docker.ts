/**
 * The docker collector: what each container uses, and how it is.
 *
 * Asks for the list, then for the statistics of all running containers side by side, one request each and
 * without the second that the engine would take to work out a CPU share: that is worked out here, between two
 * rounds. A container that goes while it is looked at gives nothing, and is no error.
 */
import { type Seconds, toSeconds } from "@chouette-iot/record";
import type { CollectedMetric, Collector, CollectorContext, Round } from "../collector.js";
import { type CollectorDescription, metricTable } from "../description.js";
import { messageOf } from "../errors.js";
import { type Container, parseContainers, parseStarts, restartMetrics, stateMetrics } from "./containers.js";
import { Engine } from "./engine.js";
import { type CpuReading, cpuReading, type Stats, statsMetrics } from "./stats.js";

const CONTAINER = ["container"];

export const description: CollectorDescription = {
  name: "docker",
  sees: "The containers of Docker, or of Podman through its compatible socket.",
  reads:
    "`/containers/json`, `/events` since the round before, and `/containers/ID/stats` of each running container, all at once. " +
    "Of a container that doesn't run, its state alone. The first round is without `cpu.percentage` and `restarts`.",
  needs:
    "The right to use the socket, which is root's or the group `docker`'s. Docker 20.10 or later, or Podman's service (tried with 4.3).",
  costs:
    "Two requests, and one for each running container. Docker 20.10 reads statistics once a second, so that a round takes " +
    "a second in all at most; engines before it take two for each container.",
  settings: ["dockerSocketPath"],
  metrics: metricTable("Chouette.docker", [
    ["memory.usage", "byte", CONTAINER, "Memory in use, page cache included"],
    [
      "memory.working_set",
      "byte",
      CONTAINER,
      "The same without page cache that can be dropped, as `docker stats` shows it",
    ],
    ["memory.limit", "byte", CONTAINER, "The memory that it may use"],
    ["cpu.usage", "nanosecond", CONTAINER, "CPU time in kernel mode since it began"],
    ["cpu.percentage", "percent", CONTAINER, "CPU time in use, of one core: two busy cores are 200"],
    ["network.bytes.recv", "byte", CONTAINER, "Received since it began"],
    ["network.bytes.sent", "byte", CONTAINER, "Sent since it began"],
    ["io.bytes.read", "byte", CONTAINER, "Read from block devices since it began"],
    ["io.bytes.written", "byte", CONTAINER, "Written to block devices since it began"],
    ["restarts", "", CONTAINER, "Starts since the round before that were not its first", "count"],
    ["running", "", CONTAINER, "1 where it runs, else 0"],
    ["healthy", "", CONTAINER, "1 where its health check is well, 0 where not; nothing without one"],
    ["containers", "", ["state"], "How many containers are in each state"],
  ]),
};

export function open({ settings }: Pick<CollectorContext, "settings">): Collector {
  return dockerCollector(settings.dockerSocketPath);
}

/** What is remembered from one round to the next. */
interface Memory {
  readonly at: Seconds;
  /** Containers that had been started. */
  readonly started: ReadonlySet<string>;
  readonly cpu: ReadonlyMap<string, CpuReading>;
}

export function dockerCollector(socketPath: string): Collector {
  const engine = new Engine(socketPath);
  let before: Memory | undefined;
  return {
    name: "docker",
    subject: engine.socketPath,
    collect: async (round) => {
      const at = toSeconds(round.clock.now());
      const listed = await listContainers(engine, round);
      const { containers } = listed;
      const [restarts, { metrics, cpu }] = await Promise.all([
        before === undefined ? [] : countRestarts(engine, listed, before, at, round),
        readStats(engine, containers, before, round),
      ]);
      const started = new Set(containers.filter(({ state }) => state !== "created").map(({ id }) => id));
      before = { at, started, cpu };
      return [...stateMetrics(containers), ...restarts, ...metrics];
    },
    close: () => engine.close(),
  };
}

async function listContainers(engine: Engine, { signal }: Round) {
  const { status, body, isPodman } = await engine.get("/containers/json?all=true", signal);
  if (status !== 200) throw new Error(`the engine answered ${status} to the list of containers`);
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
  report(`the engine answered ${status} to the list of events`);
  return [];
}

/** Docker's list of events ends where it is told an end; Podman's (4.3) is then empty, and ends where it is told not to go on. */
function startsPath(since: Seconds, until: Seconds, isPodman: boolean): string {
  const filters = encodeURIComponent(JSON.stringify({ type: ["container"], event: ["start"] }));
  const end = isPodman ? "stream=false" : `until=${until.toFixed(9)}`;
  return `/events?since=${since.toFixed(9)}&${end}&filters=${filters}`;
}

async function readStats(
  engine: Engine,
  containers: readonly Container[],
  before: Memory | undefined,
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
      return statsMetrics(name, stats, before?.cpu.get(id));
    });
  const settled = await Promise.allSettled(readings);
  const metrics = settled.flatMap((reading) => {
    if (reading.status === "fulfilled") return reading.value;
    report(messageOf(reading.reason));
    return [];
  });
  return { metrics, cpu };
}

/** Undefined where the container has gone meanwhile, or was stopped. */
async function readOne(engine: Engine, id: string, signal: AbortSignal): Promise<Stats | undefined> {
  const { status, body } = await engine.get(`/containers/${id}/stats?stream=false&one-shot=true`, signal);
  // A container that goes while the engine reads it is answered by nothing at all.
  if (status === 404 || status === 409 || (status === 200 && body === "")) return undefined;
  if (status !== 200)
    throw new Error(`the engine answered ${status} to the statistics of ${id.slice(0, 12)}`);
  return JSON.parse(body);
}
