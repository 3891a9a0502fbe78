/**
 * Collectors in the built agent and in `chouette collect`: the host compared with system tools, and the user's programs
 * and modules.
 */
import { execFileSync, spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ReadyMetric } from "@chouette-iot/record";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AgentSettings, chouette, startAgentProcess } from "../support/agent-process.js";
import { newFolder } from "../support/folders.js";
import { until } from "../support/until.js";

const GIB = 2 ** 30;

let folder: Awaited<ReturnType<typeof newFolder>>;
beforeEach(async () => {
  folder = await newFolder();
});
afterEach(() => folder.remove());

const collect = (args: readonly string[], settings: AgentSettings = {}) =>
  chouette(["collect", ...args], settings);

async function collectJson(name: string, settings: Readonly<Record<string, string>> = {}, ...more: string[]) {
  const { code, output } = await collect([name, "--json", ...more], settings);
  const lines = output.split("\n");
  const isMetric = (line: string) => line.startsWith("{");
  return {
    code,
    metrics: lines.filter(isMetric).map((line): ReadyMetric => JSON.parse(line)),
    problems: lines.filter((line) => line !== "" && !isMetric(line)),
  };
}

/** `name tag:value…` → value */
function values(metrics: readonly ReadyMetric[]): ReadonlyMap<string, number | undefined> {
  return new Map(metrics.map(({ metric, tags, points }) => [[metric, ...tags].join(" "), points[0]?.[1]]));
}

/** The number in this column of a tool's line that begins with this word. */
function column(text: string, word: string, index: number): number {
  const line = text.split("\n").find((candidate) => candidate.startsWith(word)) ?? "";
  return Number(line.split(/\s+/)[index]);
}

describe("chouette collect host", () => {
  it("gives the figures of free, df and loadavg", async () => {
    const loadBefore = column(await readFile("/proc/loadavg", "utf8"), "", 0);
    const { code, metrics } = await collectJson("host");
    const free = execFileSync("free", ["-b"], { encoding: "utf8" });
    const df = execFileSync("df", ["-B1", "--output=source,used,avail", "/"], { encoding: "utf8" });
    const loadAfter = column(await readFile("/proc/loadavg", "utf8"), "", 0);
    const host = values(metrics);
    const device = df.trim().split("\n").at(-1)?.split(/\s+/)[0] ?? "";

    expect(code).toBe(0);
    // Tolerance for memory that other tests take and release within a second.
    const tolerance = GIB;
    const near = (name: string, expected: number) => {
      expect(Math.abs((host.get(`Chouette.host.${name}`) ?? Number.NaN) - expected)).toBeLessThan(tolerance);
    };
    near("memory.used", column(free, "Mem:", 2));
    near("memory.available", column(free, "Mem:", 6));
    near(`fs.used device:${device}`, column(df, device, 1));
    near(`fs.free device:${device}`, column(df, device, 2));
    const load = host.get("Chouette.host.la period:1m");
    expect(load).toBeGreaterThanOrEqual(Math.min(loadBefore, loadAfter) - 0.5);
    expect(load).toBeLessThanOrEqual(Math.max(loadBefore, loadAfter) + 0.5);
  });

  it("gives the CPU's load as vmstat does, with a load of our own", async () => {
    const burner = spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" });
    const vmstat = spawn("vmstat", ["4", "2"], { stdio: ["ignore", "pipe", "ignore"] });
    let output = "";
    vmstat.stdout.on("data", (chunk) => {
      output += chunk;
    });
    const ended = new Promise((resolve) => vmstat.once("close", resolve));
    const { metrics } = await collectJson("host", { HOST_COLLECTOR_METRICS: "cpu" }, "--over", "4");
    await ended;
    burner.kill("SIGKILL");
    const [idle = Number.NaN, waiting = Number.NaN] = (output.trim().split("\n").at(-1) ?? "")
      .trim()
      .split(/\s+/)
      .slice(14, 16)
      .map(Number);
    const percentage = values(metrics).get("Chouette.host.cpu.percentage") ?? Number.NaN;
    // The two measure intervals that differ by the start of a process.
    expect(Math.abs(percentage - (100 - idle - waiting))).toBeLessThan(20);
    expect(percentage).toBeGreaterThan(20);
  });

  it("is a table for people, with whose figures they are", async () => {
    const { output } = await collect(["host", "--over", "0.1"], {
      HOST_COLLECTOR_METRICS: '["la","uptime"]',
    });
    expect(output).toMatch(/^Metric +Value +Type +Tags\n/);
    expect(output).toMatch(/Chouette\.host\.la +[\d.]+ +gauge +period:1m\n/);
    expect(output).toMatch(/host: 2 metrics in [\d.]+ ms from /);
  });
});

describe("chouette collect", () => {
  it("runs a program of EXEC_COLLECTORS by its name", async () => {
    const programs = [{ name: "ups", command: ["/bin/echo", "ups.load:0|g|#ups:a"] }];
    const { code, metrics } = await collectJson("ups", { EXEC_COLLECTORS: JSON.stringify(programs) });
    expect(code).toBe(0);
    expect(metrics).toMatchObject([
      { metric: "ups.load", type: "gauge", tags: ["ups:a"], points: [[expect.any(Number), 0]] },
    ]);
  });

  it("runs a module by its path, and gives it what a collector may be built from", async () => {
    const path = join(folder.path, "mine.mjs");
    await writeFile(
      path,
      `export default ({ settings, redis }) => {
        let rounds = 0;
        return {
          name: "mine",
          collect: ({ clock, signal, report }) => {
            if (signal.aborted || clock.now() < 1) report("a strange round");
            rounds += 1;
            return [{ name: "my.rounds", type: "count", value: rounds, tags: { port: String(redis.port), every: String(settings.captureInterval) } }];
          },
        };
      };`,
    );
    const { code, metrics } = await collectJson(path, { REDIS_PORT: "7000", CAPTURE_INTERVAL: "60" });
    expect(code).toBe(0);
    expect(metrics).toMatchObject([
      {
        metric: "my.rounds",
        type: "count",
        tags: ["every:60", "port:7000"],
        points: [[expect.any(Number), 2]],
      },
    ]);
  });

  it("says what is wrong with a module: none there, no function, no collector, one that throws", async () => {
    const make = async (name: string, text: string) => {
      const path = join(folder.path, `${name}.mjs`);
      await writeFile(path, text);
      return (await collectJson(path, {}, "--over", "0.01")).problems.at(-1);
    };
    const missing = await collectJson("no-such-collector", {}, "--over", "0.01");
    expect(missing.code).toBe(1);
    expect(missing.problems.at(-1)).toMatch(/a built-in collector \(host, .*mqtt\)/);
    expect(await make("nothing", "export const a = 1;")).toContain("no function as its default export");
    expect(await make("no-collector", "export default () => ({});")).toContain("returned no collector");
    expect(await make("throws", 'export default () => { throw new Error("no licence"); };')).toContain(
      "no licence",
    );
  });

  it("reports a round that never ends, though nothing else keeps the command alive", async () => {
    const path = join(folder.path, "stuck.mjs");
    const collect = "() => (rounds++ === 0 ? [] : new Promise(() => {}))";
    await writeFile(path, `let rounds = 0; export default () => ({ name: "stuck", collect: ${collect} });`);
    const { code, problems } = await collectJson(path, { COLLECTOR_DEADLINE: "1" }, "--over", "0.01");
    expect(problems).toEqual([`${path}: timed out after 1 s`]);
    expect(code).toBe(1);
  });

  it("refuses a wrong setting by its name", async () => {
    const { code, output } = await collect(["host"], { CAPTURE_INTERVAL: "soon" });
    expect(code).toBe(2);
    expect(output).toContain("CAPTURE_INTERVAL: expected a whole number of seconds");
  });
});

describe("the agent", () => {
  it("sends what a collector gives, whatever others of them do, and reports each of those once", async () => {
    const hanging = join(folder.path, "hanging.mjs");
    const throwing = join(folder.path, "throwing.mjs");
    await writeFile(hanging, 'export default () => ({ name: "h", collect: () => new Promise(() => {}) });');
    await writeFile(
      throwing,
      'export default () => ({ name: "t", collect: () => { throw new Error("no source"); } });',
    );
    const agent = await startAgentProcess({
      CHOUETTE_LISTEN: "127.0.0.1:0",
      CHOUETTE_DATA_DIR: join(folder.path, "data"),
      COLLECTOR_PLUGINS: JSON.stringify([hanging, throwing, "host", "no-such-collector"]),
      HOST_COLLECTOR_METRICS: "la",
      CAPTURE_INTERVAL: "1",
      RELEASE_INTERVAL: "1",
    });
    const seconds = () => {
      const lines = agent
        .output()
        .split("\n")
        .filter((line) => line.includes("Chouette.host.la"));
      return new Set(lines.flatMap((line) => line.match(/\b1\d{9}\b/g) ?? []));
    };
    await until("four rounds of the host", () => seconds().size >= 4);
    await agent.end();
    const reports = agent.output().match(/collector \S+ (failed:|recovered)/g) ?? [];
    expect(reports.sort()).toEqual(
      [hanging, throwing, "no-such-collector"].map((name) => `collector ${name} failed:`).sort(),
    );
  });
});
