/** Collectors that run programs, with scripts that write what the real ones do. */
import { spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { newFolder } from "../../../../tests/support/folders.js";
import { until } from "../../../../tests/support/until.js";
import { systemClock } from "../runtime/clock.js";
import type { Collector } from "./collector.js";
import { exec } from "./exec/exec.js";
import { gpuCollector } from "./gpu/gpu.js";
import { piCollector } from "./pi/pi.js";
import { systemdCollector } from "./systemd/systemd.js";
import { tegrastatsCollector } from "./tegrastats/tegrastats.js";

let folder: Awaited<ReturnType<typeof newFolder>>;
beforeEach(async () => {
  folder = await newFolder();
});
afterEach(() => folder.remove());

async function script(text: string): Promise<string> {
  const path = join(folder.path, "program");
  await writeFile(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return path;
}

async function collect(collector: Collector, signal = AbortSignal.timeout(10_000)) {
  const problems: string[] = [];
  const report = (problem: string) => void problems.push(problem);
  const metrics = await collector.collect({ clock: systemClock, signal, report });
  const read = metrics.map(({ name, value, tags }) => [name, value, ...Object.values(tags ?? {})].join(" "));
  return { read, problems };
}

describe("the exec collector", () => {
  it("runs the program with its arguments and reads its lines", async () => {
    const path = await script('echo "ups.load:$1|g|#ups:$2"; echo "oops"');
    const { read, problems } = await collect(exec({ name: "ups", command: [path, "0", "a b; exit 1"] }));
    expect(read).toEqual(["ups.load 0 a b; exit 1"]);
    expect(problems).toEqual(["line 2 of the output isn't a metric"]);
  });

  it("gives the program none of the agent's secrets, but the variables that it is said to need", async () => {
    const path = await script(`env > ${join(folder.path, "environment")}; echo "a:1|g"`);
    const secrets = { API_KEY: "a-secret-key", REDIS_URL: "redis://:a-secret@h", UPS_HOST: "ups1" };
    const before = { ...process.env };
    Object.assign(process.env, secrets);
    try {
      await collect(exec({ name: "ups", command: [path], env: ["UPS_HOST"] }));
      const environment = await readFile(join(folder.path, "environment"), "utf8");
      expect(environment).not.toContain("secret");
      expect(environment).toContain("UPS_HOST=ups1\n");
      expect(environment).toContain(`PATH=${process.env.PATH}\n`);
      const collector = tegrastatsCollector({ metrics: ["ram"], path, interval: 30 });
      await collect(collector).catch(() => {});
      expect(await readFile(join(folder.path, "environment"), "utf8")).not.toContain("secret");
      await collector.close?.();
    } finally {
      for (const name of Object.keys(secrets)) delete process.env[name];
      Object.assign(process.env, before);
    }
  });

  it.each([
    ["gpu", (path: string) => gpuCollector(path)],
    ["systemd", (path: string) => systemdCollector(path, ["ssh.service"])],
    ["pi", (vcgencmd: string) => piCollector({ metrics: ["voltage"], sys: "/nowhere", vcgencmd })],
  ] as const)("is not the only one: the %s collector's program gets none of them, either", async (_, open) => {
    const path = await script(`env >> ${join(folder.path, "environment")}; exit 1`);
    vi.stubEnv("API_KEY", "a-secret-key");
    vi.stubEnv("HTTPS_PROXY", "http://:a-secret@proxy");
    try {
      await collect(open(path)).catch(() => {});
    } finally {
      vi.unstubAllEnvs();
    }
    const environment = await readFile(join(folder.path, "environment"), "utf8");
    expect(environment).toContain(`PATH=${process.env.PATH}\n`);
    expect(environment).not.toContain("secret");
  });

  it("ends a program that takes too long, with all that it started", async () => {
    const pid = join(folder.path, "pid");
    const path = await script(`sleep 600 & echo $! > ${pid}; wait`);
    await expect(collect(exec({ name: "slow", command: [path], timeout: 0.3 }))).rejects.toThrow("timed out");
    const child = (await readFile(pid, "utf8")).trim();
    await until("the program's own child to be gone", () => spawnSync("kill", ["-0", child]).status !== 0);
  });

  it("doesn't wait for a process in another group that has the program's output open", async () => {
    const pid = join(folder.path, "pid");
    const path = await script(`setsid sh -c 'echo $$ > ${pid}; exec sleep 600' & echo "a:1|g"`);
    const ending = collect(exec({ name: "daemon", command: [path], timeout: 0.3 }));
    await expect(ending).rejects.toThrow("timed out");
    spawnSync("kill", [(await readFile(pid, "utf8")).trim()]);
  });

  it("ends a program at the round's deadline", async () => {
    const path = await script("exec sleep 600");
    const ending = collect(exec({ name: "slow", command: [path] }), AbortSignal.timeout(50));
    await expect(ending).rejects.toThrow("timed out");
  });

  it("fails where the program fails, isn't there, or writes without end", async () => {
    const failing = await script("echo a:1\\|g; echo no such UPS >&2; exit 3");
    await expect(collect(exec({ name: "ups", command: [failing] }))).rejects.toThrow(
      "exited with code 3: no such UPS",
    );
    await expect(collect(exec({ name: "ups", command: ["/nowhere/ups"] }))).rejects.toThrow(
      "failed to start",
    );
    const endless = await script("exec yes a:1\\|g");
    await expect(collect(exec({ name: "ups", command: [endless] }))).rejects.toThrow("1048576 bytes");
  });
});

describe("the gpu collector", () => {
  it("gives what each GPU tells", async () => {
    const path = await script(`echo '0, NVIDIA GeForce RTX 3060, 0, 3, 512, 12288, 41, 17.25, 0'
echo '1, Tesla T4, 100, 50, 1, 15360, 70, 69.90, [N/A]'`);
    const { read } = await collect(gpuCollector(path));
    expect(read).toEqual([
      "Chouette.gpu.usage 0 0 NVIDIA GeForce RTX 3060",
      "Chouette.gpu.memory.usage 3 0 NVIDIA GeForce RTX 3060",
      "Chouette.gpu.memory.used 536870912 0 NVIDIA GeForce RTX 3060",
      "Chouette.gpu.memory.total 12884901888 0 NVIDIA GeForce RTX 3060",
      "Chouette.gpu.temperature 41 0 NVIDIA GeForce RTX 3060",
      "Chouette.gpu.power 17.25 0 NVIDIA GeForce RTX 3060",
      "Chouette.gpu.fan 0 0 NVIDIA GeForce RTX 3060",
      "Chouette.gpu.usage 100 1 Tesla T4",
      "Chouette.gpu.memory.usage 50 1 Tesla T4",
      "Chouette.gpu.memory.used 1048576 1 Tesla T4",
      "Chouette.gpu.memory.total 16106127360 1 Tesla T4",
      "Chouette.gpu.temperature 70 1 Tesla T4",
      "Chouette.gpu.power 69.9 1 Tesla T4",
    ]);
  });

  it("fails if nvidia-smi lists no GPU, whatever its exit code", async () => {
    const path = await script("echo 'No devices were found'");
    await expect(collect(gpuCollector(path))).rejects.toThrow('lists no GPU: "No devices were found"');
  });

  it("fails with what nvidia-smi says", async () => {
    const path = await script("echo 'NVIDIA-SMI has failed because it could not communicate' >&2; exit 9");
    await expect(collect(gpuCollector(path))).rejects.toThrow("code 9: NVIDIA-SMI has failed");
  });
});

describe("the systemd collector", () => {
  it("gives the number of failed units and the state of named ones, and says which are not there", async () => {
    const path = await script(`case "$*" in
  *NFailedUnits) echo NFailedUnits=0 ;;
  *"-- ssh.service backup.timer web.service nope.service") printf '%s\\n' \\
    Id=ssh.service LoadState=loaded ActiveState=active NRestarts=0 "" \\
    Id=backup.timer LoadState=loaded ActiveState=active "" \\
    Id=web.service LoadState=loaded ActiveState=failed NRestarts=5 "" \\
    Id=nope.service LoadState=not-found ActiveState=inactive ;;
  *) exit 64 ;;
esac`);
    const units = ["ssh.service", "backup.timer", "web.service", "nope.service"];
    const { read, problems } = await collect(systemdCollector(path, units));
    expect(read).toEqual([
      "Chouette.systemd.units.failed 0",
      "Chouette.systemd.unit.active 1 ssh.service",
      "Chouette.systemd.unit.failed 0 ssh.service",
      "Chouette.systemd.unit.restarts 0 ssh.service",
      "Chouette.systemd.unit.active 1 backup.timer",
      "Chouette.systemd.unit.failed 0 backup.timer",
      "Chouette.systemd.unit.active 0 web.service",
      "Chouette.systemd.unit.failed 1 web.service",
      "Chouette.systemd.unit.restarts 5 web.service",
    ]);
    expect(problems).toEqual(["unit nope.service not found"]);
  });

  it("counts a unit as active while it reloads", async () => {
    const path = await script(`case "$*" in
  *NFailedUnits) echo NFailedUnits=0 ;;
  *) printf '%s\\n' Id=web.service LoadState=loaded ActiveState=reloading ;;
esac`);
    const { read } = await collect(systemdCollector(path, ["web.service"]));
    expect(read).toContain("Chouette.systemd.unit.active 1 web.service");
  });

  it("fails where systemd doesn't run", async () => {
    const path = await script(
      'echo "System has not been booted with systemd as init system (PID 1)" >&2; exit 1',
    );
    await expect(collect(systemdCollector(path, []))).rejects.toThrow("has not been booted with systemd");
  });
});

describe("the tegrastats collector", () => {
  it("starts tegrastats once at the interval and reads its line in each round", async () => {
    const starts = join(folder.path, "starts");
    const path = await script(
      `echo "$*" >> ${starts}; echo "RAM 1/4MB (lfb 1x4MB) CPU@0C PMIC@100C"; exec sleep 600`,
    );
    const collector = tegrastatsCollector({ metrics: ["ram", "temp"], path, interval: 30 });
    await collect(collector);
    const { read } = await collect(collector);
    expect(read).toEqual([
      "Chouette.tegrastats.ram.used 1048576",
      "Chouette.tegrastats.ram.free 3145728",
      "Chouette.tegrastats.temperature 0 CPU",
    ]);
    expect(await readFile(starts, "utf8")).toBe("--interval 30000\n");
    await collector.close?.();
  });

  it("fails where the line is none of tegrastats", async () => {
    const path = await script("echo tegrastats: permission denied; exec sleep 600");
    const collector = tegrastatsCollector({ metrics: ["ram"], path, interval: 30 });
    await expect(collect(collector)).rejects.toThrow("has none of ram");
    await collector.close?.();
  });
});
