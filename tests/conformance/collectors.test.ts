/**
 * The promise of every built-in collector: it sends exactly the metrics in its description, from which
 * docs/COLLECTORS.md is generated. Each runs two rounds on a source that has everything: files, programs, an engine's
 * socket, a redis-server. A collector without a source here fails.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { milliseconds, type Tags } from "@chouette-iot/record";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BUILT_IN } from "../../packages/agent/src/collectors/built-in.js";
import type { CollectedMetric, CollectorContext } from "../../packages/agent/src/collectors/collector.js";
import { summaryMetrics } from "../../packages/agent/src/collectors/k8s/summary.js";
import { FILTERS, topicMetric } from "../../packages/agent/src/collectors/mqtt/topics.js";
import {
  DOCKER_METRICS,
  HOST_METRICS,
  NODE_METRICS,
  PI_METRICS,
  POD_METRICS,
  TEGRASTATS_METRICS,
} from "../../packages/agent/src/config/collector-metrics.js";
import { readSettings } from "../../packages/agent/src/config/config.js";
import { newFolder } from "../support/folders.js";
import { ManualClock } from "../support/manual-clock.js";
import { redisForTests } from "../support/redis-for-tests.js";

const QUIET = { debug() {}, info() {}, warn() {}, error() {} };
const SUMMARY = {
  cpu: { usageNanoCores: 1, usageCoreNanoSeconds: 1 },
  memory: { rssBytes: 1, usageBytes: 1, availableBytes: 1, workingSetBytes: 1 },
  network: { rxBytes: 1, txBytes: 1 },
};

const server = redisForTests();
let folder: Awaited<ReturnType<typeof newFolder>>;
beforeAll(async () => {
  folder = await newFolder();
  const programs = Object.entries(PROGRAMS).map(([file, text]) => [file, `#!/bin/sh\n${text}\n`]);
  await write(Object.fromEntries(programs), 0o755);
});
afterAll(() => folder.remove());

/** Kernel files at a time in seconds, by which counters have grown. */
function kernelFiles(at: number): Readonly<Record<string, string>> {
  const pressure = `some avg10=0 total=${at}\nfull avg10=0 total=${at}\n`;
  return {
    "proc/stat": `cpu ${at} 0 0 ${at} 0 0 0 0\ncpu0 ${at} 0 0 ${at} 0 0 0 0\nprocs_running 1\nprocs_blocked 0\n`,
    "proc/meminfo":
      "MemTotal: 9 kB\nMemFree: 9 kB\nMemAvailable: 9 kB\nSwapTotal: 9 kB\nSwapFree: 9 kB\nSwapCached: 0 kB\n",
    "proc/loadavg": "0.00 0.01 0.05 1/180 4711\n",
    "proc/uptime": `${at}.00 1.00\n`,
    "proc/filesystems": "nodev\tproc\n\text4\n",
    "proc/diskstats": `8 0 sda ${at} 0 ${at} 0 ${at} 0 ${at} 0 0 ${at} 0\n`,
    "proc/1/mountinfo": "1 0 8:0 / / rw - ext4 /dev/sda rw\n",
    "proc/1/net/dev": "wlan0: 5 0 0 0 0 0 0 0 7 0 0 0 0 0 0 0\n",
    ...Object.fromEntries(["cpu", "memory", "io"].map((resource) => [`proc/pressure/${resource}`, pressure])),
    "sys/block/sda/size": "1\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "48312\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000\n",
  };
}

const PROGRAMS = {
  vcgencmd: `case "$*" in
    get_throttled) echo throttled=0x0 ;;
    "measure_clock core") echo "frequency(1)=500000992" ;;
    *) echo "volt=0.8500V" ;;
  esac`,
  tegrastats: `echo "RAM 1459/3964MB (lfb 1x4MB) SWAP 0/1982MB (cached 0MB) CPU [5%@102] EMC_FREQ 0%@204 GR3D_FREQ 0%@76 PLL@18C POM_5V_IN 1022/1022"
    exec sleep 60`,
  "nvidia-smi": "echo '0, NVIDIA GeForce RTX 3060, 0, 3, 512, 12288, 41, 17.25, 0'",
  systemctl: `case "$*" in
    *NFailedUnits) echo NFailedUnits=0 ;;
    *) printf '%s\\n' Id=web.service LoadState=loaded ActiveState=active NRestarts=0 ;;
  esac`,
};

async function write(files: Readonly<Record<string, string>>, mode?: number): Promise<void> {
  const writes = Object.entries(files).map(async ([name, text]) => {
    const path = join(folder.path, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text, { mode });
  });
  await Promise.all(writes);
}

/** An engine with one container, at this second of its life. */
async function startEngine(path: string, second: () => number) {
  const stats = () => ({
    read: new Date(1_700_000_000_000 + 1_000 * second()).toISOString(),
    cpu_stats: { cpu_usage: { total_usage: second(), usage_in_kernelmode: second() } },
    memory_stats: { usage: 1, limit: 1, stats: {} },
    networks: { eth0: { rx_bytes: 1, tx_bytes: 1 } },
  });
  const engine = createServer(({ url = "" }, response) => {
    const list = [{ Id: "a", Names: ["/web"], State: "running", Status: "Up (healthy)" }];
    response.end(url.startsWith("/events") ? "" : JSON.stringify(url.includes("/stats") ? stats() : list));
  });
  await new Promise<void>((resolve) => engine.listen(path, resolve));
  return engine;
}

/** The metrics of the collector's second round. */
async function collectByRounds(name: string): Promise<readonly CollectedMetric[]> {
  const clock = new ManualClock(1_700_000_000_000);
  const path = (file: string) => join(folder.path, file);
  let second = 1;
  const engine = await startEngine(path("docker.sock"), () => second);
  const loaded = readSettings({
    ...{ HOST_PROC: path("proc"), HOST_SYS: path("sys"), HOST_ROOT: folder.path },
    ...{ HOST_COLLECTOR_METRICS: `${HOST_METRICS}`, PI_METRICS: `${PI_METRICS}` },
    ...{ DOCKER_METRICS: `${DOCKER_METRICS}`, DOCKER_SOCKET_PATH: path("docker.sock") },
    ...{ TEGRASTATS_METRICS: `${TEGRASTATS_METRICS}`, TEGRASTATS_PATH: path("tegrastats") },
    ...{ VCGENCMD_PATH: path("vcgencmd"), NVIDIA_SMI_PATH: path("nvidia-smi") },
    ...{ SYSTEMCTL_PATH: path("systemctl"), SYSTEMD_UNITS: "web.service" },
  });
  if (!loaded.ok) throw new Error(loaded.problems.join());
  const { settings } = loaded.config;
  const context: CollectorContext = { settings, redis: { url: server.redis.url }, log: QUIET };
  const collector = await (await builtIn(name)).open(context);
  const problems: string[] = [];
  const round = {
    clock,
    signal: AbortSignal.timeout(10_000),
    report: (text: string) => void problems.push(text),
  };
  try {
    let given: readonly CollectedMetric[] = [];
    for (; second <= 2; second++) {
      await Promise.all([write(kernelFiles(second)), useRedis()]);
      given = await collector.collect(round);
      await clock.advance(milliseconds(1_000));
    }
    expect(problems).toEqual([]);
    return given;
  } finally {
    await collector.close?.();
    engine.close();
    engine.closeAllConnections();
  }
}

/** A queue of each task library, and a read of which Redis counts whether it found its key. */
function useRedis() {
  const { broker } = server;
  return Promise.all([
    broker.command("HSET", "dramatiq:mail.msgs", "a", "1"),
    broker.command("HSET", "bull:mail:meta", "version", "bullmq:6"),
    broker.command("GET", "a"),
  ]);
}

async function builtIn(name: string) {
  const load = BUILT_IN.get(name);
  if (load === undefined) throw new Error(`${name} is no built-in collector`);
  return load();
}

/** Real servers are in tests/integration; here are only their answers. */
const BY_ANSWER: Readonly<Record<string, () => readonly CollectedMetric[]>> = {
  k8s: () =>
    summaryMetrics(
      {
        node: { ...SUMMARY, nodeName: "pi4", fs: { availableBytes: 1, usedBytes: 1, inodesFree: 1 } },
        pods: [{ ...SUMMARY, podRef: { name: "web-1", namespace: "default" } }],
      },
      { pods: POD_METRICS, node: NODE_METRICS },
    ),
  mqtt: () => FILTERS.flatMap((topic) => topicMetric(topic, "1 unit") ?? []),
};

/** Name → type and keys of tags, each once. */
function shapes(metrics: readonly { name: string; type: string; tags: readonly string[] }[]) {
  return Object.fromEntries(metrics.map(({ name, type, tags }) => [name, `${type} ${[...tags].sort()}`]));
}

function keys(tags: Tags | undefined): readonly string[] {
  return Object.keys(tags ?? {});
}

describe("the collector", () => {
  it.each([...BUILT_IN.keys()])("%s sends what its description names, and nothing else", async (name) => {
    const metrics = BY_ANSWER[name]?.() ?? (await collectByRounds(name));
    expect(metrics.filter(({ value }) => !Number.isFinite(value))).toEqual([]);
    const { description } = await builtIn(name);
    expect(shapes(metrics.map((metric) => ({ ...metric, tags: keys(metric.tags) })))).toEqual(
      shapes(description.metrics),
    );
  });
});
