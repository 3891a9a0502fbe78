/**
 * The cost of a round of each collector: CPU time of the agent's process and of the collector's programs, wall-clock
 * time, and bytes to Datadog.
 *
 *   npx tsc -b packages/agent && node bench/measurements/collectors.mjs [--json]
 *
 * Real: the host, redis-server, Mosquitto, dockerd with ten idle containers (as root). Simulated: a Raspberry Pi's and
 * a Jetson's files and programs, nvidia-smi, systemctl, a kubelet with twenty pods over TLS. The bytes are those of one
 * round alone, as the agent would send it; several rounds in a batch share names and take less.
 */
import { execFileSync, spawn } from "node:child_process";
import { once, setMaxListeners } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpsServer } from "node:https";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { hostByLibrary } from "../../packages/agent/dist/collectors/host/by-library.js";
import { openCollector } from "../../packages/agent/dist/collectors/open-collectors.js";
import { sortCollected } from "../../packages/agent/dist/collectors/ready.js";
import { loadConfig } from "../../packages/agent/dist/config/config.js";
import { groupSeries } from "../../packages/agent/dist/outputs/series.js";
import { seriesBodies } from "../../packages/agent/dist/outputs/series-bodies.js";
import { smallestBody } from "../../packages/agent/dist/outputs/smallest-body.js";
import { systemClock } from "../../packages/agent/dist/runtime/clock.js";
import { milliseconds, seconds } from "../../packages/record/dist/index.js";
import { portOf } from "../support/server.mjs";

const QUIET = { debug() {}, info() {}, warn() {}, error() {} };
const BY_LIBRARY = "by library";
const KUBELET = "--kubelet";
const POSITION_OF_KUBELETS_FOLDER = 3;
if (process.argv[2] === KUBELET) serveKubelet(process.argv[POSITION_OF_KUBELETS_FOLDER]);
else await measureAll();

async function measureAll() {
  const { values: options } = parseArgs({ options: { json: { type: "boolean", default: false } } });
  const folder = mkdtempSync(join(tmpdir(), "chouette-bench-"));
  const sources = startSources(folder);
  try {
    const rows = [];
    for (const { label, names, settings, rounds } of await plan(folder, sources)) {
      rows.push(await measure(label, names, settings, rounds));
    }
    if (options.json) console.log(JSON.stringify(rows, undefined, 2));
    else console.table(rows);
  } finally {
    for (const child of sources.children) child.kill("SIGTERM");
    await Promise.all(sources.children.map((child) => child.exitCode ?? once(child, "exit")));
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(label, names, settings, rounds) {
  const loaded = loadConfig({ ...settings });
  if (!loaded.ok) throw new Error(loaded.problems.join("; "));
  const context = { settings: loaded.config.settings, redis: {}, log: QUIET };
  const collectors = names.map((name) =>
    name === BY_LIBRARY ? hostByLibrary(context.settings.hostMetrics) : openCollector(name, context),
  );
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  const round = {
    clock: systemClock,
    signal,
    report: (problem) => problems.add(problem),
  };
  const problems = new Set();
  const collectAll = () => Promise.all(collectors.map((collector) => collector.collect(round)));
  for (let warmUp = 0; warmUp < Math.min(rounds, 50); warmUp += 1) await collectAll();

  const [cpu, children, started] = [process.cpuUsage(), childrenCpu(), performance.now()];
  for (let count = 0; count < rounds; count += 1) await collectAll();
  const { user, system } = process.cpuUsage(cpu);
  const took = performance.now() - started;
  const ofPrograms = childrenCpu() - children;
  // Rounds without a pause would give no CPU share: the kernel counts in steps of ten milliseconds.
  await systemClock.sleep(milliseconds(100));
  const given = (await collectAll()).flat();
  const result = {
    collectors: label,
    "CPU ms": fixed((user + system) / 1000 / rounds),
    "programs' CPU ms": fixed(ofPrograms / rounds),
    ms: fixed(took / rounds),
    metrics: given.length,
    bytes: await bytesOf(given),
  };
  await Promise.all(collectors.map((collector) => collector.close?.()));
  if (problems.size > 0) console.error(label, [...problems]);
  return result;
}

function fixed(value) {
  return Number(value.toFixed(2));
}

/** CPU milliseconds of ended child processes, in the kernel's steps of ten. */
function childrenCpu() {
  const fields = readFileSync("/proc/self/stat", "utf8").split(") ")[1].split(" ");
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

async function bytesOf(collected) {
  const { ready } = sortCollected(collected, seconds(Math.floor(Date.now() / 1000)), seconds(30));
  const bodies = seriesBodies(
    groupSeries(ready.map((metric) => ({ ...metric, tags: [...metric.tags, "env:prod"] }))),
    { apiUrl: "https://api.datadoghq.com/api", host: "pi4", seriesVersion: "v2", precision: undefined },
  );
  return (await smallestBody(bodies)).bytes.length;
}

async function plan(folder, { redisPort, mosquittoPort, dockerSocket, kubelet }) {
  const pi = { HOST_SYS: `${folder}/pi` };
  const everything = "cpu,fs,la,ram,network,swap,cores,uptime,processes,inodes,pressure,la5,la15,disk";
  const redis = `redis://127.0.0.1:${redisPort}`;
  const services = {
    REDIS_COLLECTOR_URLS: redis,
    DRAMATIQ_REDIS_URL: redis,
    BULLMQ_REDIS_URL: redis,
    MQTT_COLLECTOR_URL: `mqtt://127.0.0.1:${mosquittoPort}`,
    DOCKER_SOCKET_PATH: dockerSocket,
    K8S_STATS_SERVICE_IP: "127.0.0.1",
    K8S_STATS_SERVICE_PORT: `${await kubelet}`,
    K8S_CA_PATH: `${folder}/kubelet.crt`,
    K8S_METRICS: '{"pods":["memory","cpu","network"],"node":["cpu","memory","network","fs","inodes"]}',
    TEGRASTATS_PATH: `${folder}/tegrastats`,
    TEGRASTATS_METRICS: "ram,temp,swap,gpu,emc,cpu,power",
    NVIDIA_SMI_PATH: `${folder}/nvidia-smi`,
    SYSTEMCTL_PATH: `${folder}/systemctl`,
    SYSTEMD_UNITS: "ssh.service,web.service",
    EXEC_COLLECTORS: JSON.stringify([{ name: "exec", command: ["/bin/echo", "ups.load:1|g"] }]),
  };
  const all = { ...pi, ...services };
  const names = "docker,k8s,tegrastats,redis,dramatiq,bullmq,gpu,systemd,mqtt,exec".split(",");
  const QUICK = 500;
  const SLOW = 20;
  return [
    { label: "host", names: ["host"], settings: {}, rounds: QUICK },
    { label: "host by systeminformation", names: [BY_LIBRARY], settings: {}, rounds: SLOW },
    { label: "host, all", names: ["host"], settings: { HOST_COLLECTOR_METRICS: everything }, rounds: QUICK },
    { label: "thermal", names: ["thermal"], settings: pi, rounds: QUICK },
    { label: "pi", names: ["pi"], settings: pi, rounds: QUICK },
    {
      label: "host + thermal + pi",
      names: ["host", "thermal", "pi"],
      settings: { HOST_SYS: pi.HOST_SYS },
      rounds: QUICK,
    },
    ...names.map((name) => ({
      label: name,
      names: [name],
      settings: all,
      rounds: name === "docker" || /gpu|systemd|exec/.test(name) ? SLOW : QUICK,
    })),
    { label: "all of them", names: ["host", "thermal", "pi", ...names], settings: all, rounds: SLOW },
  ];
}

function startSources(folder) {
  writeFiles(folder);
  /** @type {import("node:child_process").ChildProcess[]} */
  const children = [];
  /** @param {string[]} args @param {import("node:child_process").StdioOptions} [stdio] */
  const start = (command, args, stdio = "ignore") => {
    const child = spawn(command, args, { stdio });
    children.push(child);
    return child;
  };
  const redisPort = 17_379;
  const mosquittoPort = 17_883;
  start("redis-server", ["--port", `${redisPort}`, "--save", "", "--dir", folder]);
  writeFileSync(
    `${folder}/mosquitto.conf`,
    `listener ${mosquittoPort} 127.0.0.1\nallow_anonymous true\nuser root\n`,
  );
  start("mosquitto", ["-c", `${folder}/mosquitto.conf`]);
  const dockerSocket = `${folder}/docker.sock`;
  start("dockerd", [
    ...["--iptables=false", "--bridge=none", "--storage-driver=vfs", `--data-root=${folder}/docker`],
    ...[`--exec-root=${folder}/exec`, `--pidfile=${folder}/docker.pid`, `--host=unix://${dockerSocket}`],
  ]);
  startContainers(folder, dockerSocket);
  for (let queue = 0; queue < 5; queue += 1) {
    const redis = (...args) => execFileSync("redis-cli", ["-p", `${redisPort}`, ...args]);
    redis("HSET", `dramatiq:queue${queue}.msgs`, "a", "1");
    redis("HSET", `bull:queue${queue}:meta`, "version", "bullmq:6");
  }
  const kubelet = new Promise((resolve) => {
    const args = [fileURLToPath(import.meta.url), KUBELET, folder];
    const { stdout } = start(process.execPath, args, ["ignore", "pipe", "inherit"]);
    stdout?.once("data", (port) => resolve(Number(port)));
  });
  return { children, redisPort, mosquittoPort, dockerSocket, kubelet };
}

function startContainers(folder, socket) {
  const docker = (...args) => execFileSync("docker", ["-H", `unix://${socket}`, ...args], { stdio: "pipe" });
  for (let attempt = 0; ; attempt += 1) {
    try {
      docker("version");
      break;
    } catch (error) {
      if (attempt === 60) throw error;
      execFileSync("sleep", ["0.5"]);
    }
  }
  mkdirSync(`${folder}/image`);
  execFileSync("cp", ["/bin/busybox", `${folder}/image/busybox`]);
  execFileSync("tar", ["-C", `${folder}/image`, "-cf", `${folder}/image.tar`, "busybox"]);
  docker("import", `${folder}/image.tar`, "busybox");
  for (let count = 0; count < 10; count += 1) {
    const named = ["--network", "none", "--name", `idle${count}`];
    docker("run", "-d", ...named, "busybox", "/busybox", "sleep", "3600");
  }
}

function writeFiles(folder) {
  const files = {
    "pi/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "pi/class/thermal/thermal_zone0/temp": "48312\n",
    "pi/class/thermal/thermal_zone1/type": "gpu-thermal\n",
    "pi/class/thermal/thermal_zone1/temp": "47000\n",
    "pi/devices/platform/soc/soc:firmware/get_throttled": "0\n",
    "pi/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000\n",
    "pi/block/mmcblk0": "",
    tegrastats: `#!/bin/sh
echo "RAM 3186/30536MB (lfb 6x4MB) SWAP 0/15268MB (cached 0MB) CPU [0%@729,2%@729,0%@729,0%@729,off,off,off,off] EMC_FREQ 0%@2133 GR3D_FREQ 3%@[305,305] cpu@47.562C tboard@36C soc2@43.968C tdiode@36.25C tj@47.562C VDD_IN 4000mW/4012mW VDD_CPU_CV 400mW/400mW"
exec sleep 3600`,
    "nvidia-smi": "#!/bin/sh\necho '0, NVIDIA GeForce RTX 3060, 0, 3, 512, 12288, 41, 17.25, 0'",
    systemctl:
      "#!/bin/sh\ncase $* in *NFailed*) echo NFailedUnits=0 ;; *) printf '%s\\n' Id=ssh.service ActiveState=active NRestarts=0 '' Id=web.service ActiveState=active NRestarts=0 ;; esac",
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text, { mode: 0o755 });
  }
  const subject = ["-subj", "/CN=kubelet", "-addext", "subjectAltName=IP:127.0.0.1"];
  const output = ["-keyout", `${folder}/kubelet.key`, "-out", `${folder}/kubelet.crt`];
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", ...subject, ...output], {
    stdio: "pipe",
  });
}

/** A separate process, so that its work isn't counted. */
function serveKubelet(folder) {
  const memory = { availableBytes: 3e9, usageBytes: 2e9, workingSetBytes: 1e9, rssBytes: 5e8 };
  const cpu = { usageNanoCores: 153e6, usageCoreNanoSeconds: 9e12 };
  const network = { rxBytes: 123456789, txBytes: 98765432 };
  const containers = [{ name: "main", cpu, memory, rootfs: {}, logs: {} }];
  const pods = Array.from({ length: 20 }, (_, index) => ({
    podRef: { name: `web-${index}-7d4f`, namespace: "default", uid: `${index}` },
    ...{ cpu, memory, network, containers },
  }));
  const fs = { availableBytes: 1e10, usedBytes: 2e10, inodesFree: 1e6 };
  const summary = JSON.stringify({ node: { nodeName: "pi4", cpu, memory, network, fs }, pods });
  const tls = { cert: readFileSync(`${folder}/kubelet.crt`), key: readFileSync(`${folder}/kubelet.key`) };
  const server = createHttpsServer(tls, (_, response) => response.end(summary));
  server.listen(0, "127.0.0.1", () => console.log(portOf(server)));
}
