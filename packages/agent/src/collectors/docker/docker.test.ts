import { seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { DOCKER_METRICS } from "../../config/collector-metrics.js";
import { parseContainers, parseStarts, restartMetrics, stateMetrics } from "./containers.js";
import { cpuPercentage, cpuReading, type Stats, statsMetrics } from "./stats.js";

const CONTAINERS = parseContainers(
  JSON.stringify([
    {
      Id: "aaaaaaaaaaaaaaaa",
      Names: ["/proxy/web", "/web"],
      State: "running",
      Status: "Up 5 minutes (healthy)",
    },
    { Id: "bbbbbbbbbbbbbbbb", Names: ["/db"], State: "running", Status: "Up 2 hours (unhealthy)" },
    { Id: "cccccccccccccccc", Names: ["/new"], State: "running", Status: "Up 1 second (health: starting)" },
    { Id: "dddddddddddddddd", Names: null, State: "exited", Status: "Exited (0) 3 days ago" },
  ]),
);

const V1: Stats = {
  read: "2026-01-01T00:00:10.5Z",
  cpu_stats: { cpu_usage: { total_usage: 5_000_000_000, usage_in_kernelmode: 70_000_000 } },
  memory_stats: { usage: 3_000, limit: 10_000, stats: { total_inactive_file: 1_000, inactive_file: 900 } },
  networks: { eth0: { rx_bytes: 10, tx_bytes: 1 }, eth1: { rx_bytes: 5, tx_bytes: 0 } },
  blkio_stats: {
    io_service_bytes_recursive: [
      { op: "Read", value: 100 },
      { op: "Write", value: 7 },
      { op: "Total", value: 107 },
      { op: "Read", value: 1 },
    ],
  },
};
/** cgroup v2, a container without network that did no I/O. */
const V2: Stats = {
  read: "2026-01-01T00:00:10.5Z",
  cpu_stats: { cpu_usage: { total_usage: 0, usage_in_kernelmode: 0 } },
  memory_stats: { usage: 3_000, limit: 10_000, stats: { inactive_file: 500 } },
  blkio_stats: { io_service_bytes_recursive: null },
};

function read(stats: Stats, before?: Parameters<typeof statsMetrics>[2]) {
  const metrics = statsMetrics("web", stats, before, DOCKER_METRICS);
  expect(metrics.every(({ tags }) => tags?.container === "web")).toBe(true);
  return metrics.map(({ name, value }) => `${name.replace("Chouette.docker.", "")} ${value}`);
}

describe("a container's statistics", () => {
  it("are read on cgroup v1, all interfaces and devices together", () => {
    expect(read(V1, { nanoseconds: 4_000_000_000, at: Date.parse("2026-01-01T00:00:08.5Z") })).toEqual([
      "memory.usage 3000",
      "cpu.usage 70000000",
      "memory.working_set 2000",
      "memory.limit 10000",
      "cpu.percentage 50",
      "network.bytes.recv 15",
      "network.bytes.sent 1",
      "io.bytes.read 101",
      "io.bytes.written 7",
    ]);
  });

  it("are read on cgroup v2, with 0 as a value", () => {
    expect(read(V2)).toEqual([
      "memory.usage 3000",
      "cpu.usage 0",
      "memory.working_set 2500",
      "memory.limit 10000",
      "io.bytes.read 0",
      "io.bytes.written 0",
    ]);
  });

  it("give only what is asked for", () => {
    const metrics = statsMetrics("web", V1, undefined, ["memory", "cpu"]);
    expect(metrics.map(({ name }) => name)).toEqual([
      "Chouette.docker.memory.usage",
      "Chouette.docker.cpu.usage",
    ]);
    expect(stateMetrics(CONTAINERS, ["memory", "cpu"])).toEqual([]);
  });

  it("are nothing where the container did not run", () => {
    expect(read({ ...V1, read: "0001-01-01T00:00:00Z" })).toEqual([]);
    expect(cpuReading({})).toBeUndefined();
  });

  it("give no share of CPU for a container that began anew, nor for no time", () => {
    const reading = { nanoseconds: 100, at: 1_000 };
    expect(cpuPercentage(reading, { nanoseconds: 50, at: 2_000 })).toBeUndefined();
    expect(cpuPercentage(reading, reading)).toBeUndefined();
    expect(cpuPercentage(reading, { nanoseconds: 2_000_000_100, at: 2_000 })).toBe(200);
  });
});

describe("the list of containers", () => {
  it("gives each one its own name, and the beginning of its id where it has none", () => {
    expect(CONTAINERS.map(({ name }) => name)).toEqual(["web", "db", "new", "dddddddddddd"]);
  });

  it("tells which run, which are well, and how many are in each state", () => {
    const metrics = stateMetrics(CONTAINERS, DOCKER_METRICS).map(({ name, value, tags }) =>
      [name.replace("Chouette.docker.", ""), value, ...Object.values(tags ?? {})].join(" "),
    );
    expect(metrics).toEqual([
      "containers 3 running",
      "containers 1 exited",
      "running 1 web",
      "healthy 1 web",
      "running 1 db",
      "healthy 0 db",
      "running 1 new",
      "running 0 dddddddddddd",
    ]);
    expect(stateMetrics([], DOCKER_METRICS).map(({ value }) => value)).toEqual([0]);
  });
});

describe("the list of events", () => {
  const starts = parseStarts(
    `{"status":"start","id":"aaaaaaaaaaaaaaaa","Actor":{"ID":"aaaaaaaaaaaaaaaa"},"timeNano":1700000001000000000}
{"status":"start","Actor":{"ID":"aaaaaaaaaaaaaaaa"},"timeNano":1700000002000000000}
{"status":"start","id":"cccccccccccccccc","timeNano":1700000003000000000}
{"status":"start","id":"bbbbbbbbbbbbbbbb","timeNano":1700000010000000000}
`,
    seconds(1_700_000_010),
  );

  it("counts as restarts all starts but a container's first, and leaves later ones to the next round", () => {
    const restarts = restartMetrics(CONTAINERS, starts, new Set(["aaaaaaaaaaaaaaaa"]));
    expect(restarts.map(({ value, type }) => [value, type])).toEqual([
      [2, "count"],
      [0, "count"],
      [0, "count"],
      [0, "count"],
    ]);
    expect(restartMetrics(CONTAINERS, starts, new Set()).map(({ value }) => value)).toEqual([1, 0, 0, 0]);
  });
});
