/** Collectors that read the kernel's files, on a folder that looks like a Raspberry Pi's /sys and /proc. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newFolder } from "../../../../tests/support/folders.js";
import { ManualClock } from "../../../../tests/support/manual-clock.js";
import type { CollectedMetric, Collector } from "./collector.js";
import { hostByLibrary } from "./host/by-library.js";
import { hostCollector } from "./host/host.js";
import { description as hostDescription } from "./host/host-description.js";
import { piCollector } from "./pi/pi.js";
import { thermalCollector } from "./thermal.js";

const FILES: Readonly<Record<string, string>> = {
  "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
  "sys/class/thermal/thermal_zone0/temp": "48312\n",
  "sys/class/thermal/thermal_zone1/type": "freezer\n",
  "sys/class/thermal/thermal_zone1/temp": "0\n",
  "sys/class/thermal/thermal_zone2/type": "broken\n",
  "sys/class/thermal/cooling_device0/type": "Processor\n",
  "sys/devices/platform/soc/soc:firmware/get_throttled": "50000\n",
  "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000\n",
  "proc/loadavg": "0.00 0.01 0.05 1/180 4711\n",
  "proc/1/net/dev": "wlan0: 5 0 0 0 0 0 0 0 7 0 0 0 0 0 0 0\n",
};

let folder: Awaited<ReturnType<typeof newFolder>>;
beforeAll(async () => {
  folder = await newFolder();
  for (const [path, text] of Object.entries(FILES)) {
    await mkdir(dirname(join(folder.path, path)), { recursive: true });
    await writeFile(join(folder.path, path), text);
  }
});
afterAll(() => folder.remove());

async function collectOnce(collector: Collector) {
  const problems: string[] = [];
  const clock = new ManualClock(1_700_000_000_000);
  const { signal } = new AbortController();
  const report = (problem: string) => void problems.push(problem);
  return { metrics: await collector.collect({ clock, signal, report }), problems };
}

function named(metrics: readonly CollectedMetric[]) {
  return metrics.map(({ name, value, tags }) => [name, value, ...Object.values(tags ?? {})]);
}

describe("the thermal collector", () => {
  it("gives every zone that has a temperature, 0 too", async () => {
    const { metrics } = await collectOnce(thermalCollector(join(folder.path, "sys")));
    expect(named(metrics)).toEqual([
      ["Chouette.thermal.temperature", 48.312, "cpu-thermal", "thermal_zone0"],
      ["Chouette.thermal.temperature", 0, "freezer", "thermal_zone1"],
    ]);
  });

  it("throws where there are no zones", async () => {
    await expect(collectOnce(thermalCollector("/nowhere"))).rejects.toThrow("/nowhere/class/thermal");
  });
});

describe("the pi collector", () => {
  it("reads temperature, flags and clock from /sys without running vcgencmd", async () => {
    const sys = join(folder.path, "sys");
    const metrics = ["temp", "throttled", "clock"] as const;
    const { metrics: given, problems } = await collectOnce(
      piCollector({ metrics, sys, vcgencmd: "/nowhere/vcgencmd" }),
    );
    expect(problems).toEqual([]);
    expect(named(given)).toEqual([
      ["Chouette.pi.temperature", 48.312],
      ["Chouette.pi.under_voltage", 0, "now"],
      ["Chouette.pi.under_voltage", 1, "since_boot"],
      ["Chouette.pi.frequency_capped", 0, "now"],
      ["Chouette.pi.frequency_capped", 0, "since_boot"],
      ["Chouette.pi.throttled", 0, "now"],
      ["Chouette.pi.throttled", 1, "since_boot"],
      ["Chouette.pi.soft_temperature_limit", 0, "now"],
      ["Chouette.pi.soft_temperature_limit", 0, "since_boot"],
      ["Chouette.pi.clock.frequency", 1_500_000_000, "arm"],
    ]);
  });

  it("takes the flags of since_boot from vcgencmd, too: the kernel may have cleared those that it shows", async () => {
    const sys = join(folder.path, "cleared");
    await mkdir(join(sys, "devices/platform/soc/soc:firmware"), { recursive: true });
    await writeFile(join(sys, "devices/platform/soc/soc:firmware/get_throttled"), "0\n");
    const vcgencmd = join(folder.path, "vcgencmd-sticky");
    await writeFile(vcgencmd, "#!/bin/sh\necho throttled=0x50000\n", { mode: 0o755 });
    const { metrics } = await collectOnce(piCollector({ metrics: ["throttled"], sys, vcgencmd }));
    expect(named(metrics).filter(([, value]) => value !== 0)).toEqual([
      ["Chouette.pi.under_voltage", 1, "since_boot"],
      ["Chouette.pi.throttled", 1, "since_boot"],
    ]);
  });

  it("asks vcgencmd for what /sys doesn't have, and says what neither has", async () => {
    const vcgencmd = join(folder.path, "vcgencmd");
    const script = `#!/bin/sh
case "$*" in
  get_throttled) echo throttled=0x4 ;;
  "measure_clock core") echo "frequency(1)=500000992" ;;
  *) echo "error=1 error_msg=\\"Command not registered\\"" ;;
esac
`;
    await writeFile(vcgencmd, script, { mode: 0o755 });
    const metrics = ["temp", "throttled", "core_clock", "voltage"] as const;
    const { metrics: given, problems } = await collectOnce(
      piCollector({ metrics, sys: "/nowhere", vcgencmd }),
    );
    expect(named(given).filter(([, value]) => value !== 0)).toEqual([
      ["Chouette.pi.throttled", 1, "now"],
      ["Chouette.pi.clock.frequency", 500_000_992, "core"],
    ]);
    expect(problems).toEqual([
      "temp: /nowhere/class/thermal/thermal_zone0/temp can't be read",
      expect.stringContaining("voltage: vcgencmd answered"),
    ]);
  });
});

describe("the host collector", () => {
  it("reads another host's /proc by its first process, and has a missing part cost that part alone", async () => {
    const proc = join(folder.path, "proc");
    const metrics = ["la", "network", "pressure"] as const;
    const host = hostCollector({ metrics, proc, sys: join(folder.path, "sys"), root: folder.path });
    const { metrics: given, problems } = await collectOnce(host);
    expect(named(given)).toEqual([
      ["Chouette.host.la", 0, "1m"],
      ["Chouette.host.network.bytes.sent", 7, "wlan0"],
      ["Chouette.host.network.bytes.recv", 5, "wlan0"],
    ]);
    expect(problems).toEqual([expect.stringMatching(/^pressure: ENOENT/)]);
    expect(host.subject).toContain(proc);
  });

  it("reports the number of processes as not available if it sees only its own", async () => {
    const proc = join(folder.path, "hidepid");
    await mkdir(join(proc, "4711"), { recursive: true });
    await writeFile(join(proc, "stat"), "cpu 1 0 1 1 1 0 0 0\nprocs_running 2\nprocs_blocked 0\n");
    const host = hostCollector({ metrics: ["processes"], proc, sys: "/nowhere", root: "/" });
    const { metrics, problems } = await collectOnce(host);
    expect(named(metrics)).toEqual([
      ["Chouette.host.processes.running", 2],
      ["Chouette.host.processes.blocked", 0],
    ]);
    expect(problems).toEqual([expect.stringContaining("hidepid")]);
  });

  it("gives the same names by the library as from /proc, and none that its description lacks", async () => {
    const metrics = ["cpu", "fs", "la", "ram", "network", "swap", "uptime"] as const;
    const paths = { proc: "/proc", sys: "/sys", root: "/" };
    const host = hostCollector({ metrics, ...paths });
    await collectOnce(host);
    const direct = (await collectOnce(host)).metrics.map(({ name }) => name);
    const byLibrary = (await collectOnce(hostByLibrary(metrics))).metrics.map(({ name }) => name);
    const described = hostDescription.metrics.map(({ name }) => name);
    expect(new Set(byLibrary)).toEqual(new Set([...direct, "Chouette.host.cpu.percentage"]));
    expect(byLibrary.filter((name) => !described.includes(name))).toEqual([]);
  });
});
