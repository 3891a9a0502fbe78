/** The docker collector with a real dockerd, whose containers come and go during a round. */
import { readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { milliseconds } from "@chouette-iot/record";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CollectedMetric } from "../../packages/agent/src/collectors/collector.js";
import { description, dockerCollector } from "../../packages/agent/src/collectors/docker/docker.js";
import { startCollectors } from "../../packages/agent/src/collectors/rounds.js";
import { DOCKER_METRICS } from "../../packages/agent/src/config/collector-metrics.js";
import { systemClock } from "../../packages/agent/src/runtime/clock.js";
import { type Dockerd, startDockerd } from "../support/dockerd.js";
import { newFolder } from "../support/folders.js";
import { until } from "../support/until.js";

const BUSY = "while :; do :; done";
const IDLE = "exec /busybox sleep 600";

let docker: Dockerd;
beforeAll(async () => {
  docker = await startDockerd();
}, 120_000);
afterAll(() => docker.stop(), 60_000);

function round(problems: string[] = []) {
  return {
    clock: systemClock,
    signal: AbortSignal.timeout(20_000),
    report: (problem: string) => void problems.push(problem),
  };
}

/** `name` → value, of one container. */
function of(container: string, metrics: readonly CollectedMetric[]): ReadonlyMap<string, number> {
  const own = metrics.filter(({ tags }) => tags?.container === container);
  return new Map(own.map(({ name, value }) => [name.replace("Chouette.docker.", ""), value]));
}

/** CPU time that the container's process has used, as the kernel has it. */
async function cpuSeconds(container: string): Promise<number> {
  const { State } = JSON.parse(await docker.ask("GET", `/containers/${container}/json`));
  const fields = (await readFile(`/proc/${State.Pid}/stat`, "utf8")).split(" ");
  const TICKS_A_SECOND = 100;
  return (Number(fields[13]) + Number(fields[14])) / TICKS_A_SECOND;
}

describe("the docker collector", () => {
  it("tells a busy container from an idle one, and what is stopped, restarted and gone", async () => {
    const healthcheck = { Test: ["CMD", "/busybox", "true"], Interval: 1_000_000_000, Retries: 1 };
    await docker.start("busy", BUSY);
    await docker.start("idle", IDLE, { Healthcheck: healthcheck });
    await docker.start("stopped", IDLE);
    await docker.start("gone", IDLE);
    await docker.ask("POST", "/containers/create?name=created", { Image: "busybox", Cmd: ["/busybox"] });
    await docker.ask("POST", "/containers/stopped/kill");
    const collector = dockerCollector(`unix://${docker.socketPath}`, DOCKER_METRICS);
    const problems: string[] = [];

    const first = await collector.collect(round(problems));
    const since = await cpuSeconds("busy");
    const sinceWhen = systemClock.monotonic();
    expect(of("busy", first).has("cpu.percentage")).toBe(false);
    expect(of("gone", first).get("running")).toBe(1);

    await docker.ask("DELETE", "/containers/gone?force=true");
    await docker.ask("POST", "/containers/idle/restart?t=0");
    await until("the health check to be well", async () => {
      const list: { Names: string[]; Status: string }[] = JSON.parse(
        await docker.ask("GET", "/containers/json"),
      );
      return list.some(({ Names, Status }) => Names.includes("/idle") && Status.includes("(healthy)"));
    });
    await until("two seconds of work", async () => (await cpuSeconds("busy")) > since + 2);
    const second = await collector.collect(round(problems));

    const busy = of("busy", second);
    // Nearly one core if it has one for itself; the kernel's figure is exact.
    const used = (await cpuSeconds("busy")) - since;
    const share = used / ((systemClock.monotonic() - sinceWhen) / 1000);
    expect((busy.get("cpu.percentage") ?? 0) / (100 * share)).toBeGreaterThan(0.7);
    expect((busy.get("cpu.percentage") ?? 0) / (100 * share)).toBeLessThan(1.3);
    expect(busy.get("memory.usage")).toBeGreaterThan(0);
    expect(busy.get("memory.limit")).toBeGreaterThan(busy.get("memory.usage") ?? 0);
    expect(busy.get("cpu.usage")).toBeGreaterThanOrEqual(0);
    expect([busy.get("running"), busy.get("restarts")]).toEqual([1, 0]);
    const idle = of("idle", second);
    expect([idle.get("running"), idle.get("restarts"), idle.get("healthy")]).toEqual([1, 1, 1]);
    expect(Object.fromEntries(of("stopped", second))).toEqual({ running: 0, restarts: 0 });
    expect(Object.fromEntries(of("created", second))).toEqual({ running: 0, restarts: 0 });
    expect(of("gone", second).size).toBe(0);
    const third = await collector.collect(round(problems));
    // The container restarted, so its share of CPU wasn't known in the previous round.
    expect(of("idle", third).get("cpu.percentage")).toBeLessThan(10);
    expect(of("idle", third).get("restarts")).toBe(0);

    const [fourth] = await Promise.all([
      collector.collect(round(problems)),
      docker.ask("DELETE", "/containers/busy?force=true"),
      docker.ask("POST", "/containers/idle/restart?t=0"),
    ]);
    expect(of("idle", fourth).has("running")).toBe(true);
    expect(problems).toEqual([]);
    const described = new Set(description.metrics.map(({ name }) => name));
    expect([...first, ...second, ...third, ...fourth].filter(({ name }) => !described.has(name))).toEqual([]);
    await collector.close?.();
  });

  it("reports an engine that is away once, and goes on when it is back", async () => {
    const said: string[] = [];
    const log = {
      debug: () => {},
      error: () => {},
      info: (_: unknown, message?: string) => void said.push(message ?? ""),
      warn: (_: unknown, message?: string) => void said.push(message ?? ""),
    };
    const folder = await newFolder();
    const link = join(folder.path, "docker.sock");
    const rounds = startCollectors({
      collectors: [dockerCollector(link, ["memory", "cpu"])],
      interval: milliseconds(3_000),
      deadline: milliseconds(10_000),
      clock: systemClock,
      log,
      deliver: async () => {},
    });
    await until("two failures", () => (rounds.status()[0]?.consecutiveFailures ?? 0) >= 2);
    await symlink(docker.socketPath, link);
    await until("a success", () => rounds.status()[0]?.lastSuccess);
    await rounds.stop();
    await folder.remove();
    expect(said).toEqual([
      expect.stringMatching(/^collector docker failed: /),
      expect.stringMatching(/^collector docker recovered after \d+ s$/),
    ]);
  });
});
