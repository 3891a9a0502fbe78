/** The host collector without /proc, as on macOS: the same metrics, from the package systeminformation. */
import { loadavg, uptime } from "node:os";
import si from "systeminformation";
import type { HostMetric } from "../../config/collector-metrics.js";
import type { CollectedMetric, Collector } from "../collector.js";
import { gauge, rounded } from "../gauge.js";
import { loadMetrics, type Period } from "./load-average.js";
import { networkMetrics } from "./network.js";

type Reader = () => Promise<readonly CollectedMetric[]>;

const READERS: Readonly<Partial<Record<HostMetric, Reader>>> = {
  cpu: async () => {
    const { currentLoad } = await si.currentLoad();
    return [gauge("Chouette.host.cpu.percentage", rounded(currentLoad, 1))];
  },
  cores: async () => {
    const { cpus } = await si.currentLoad();
    return cpus.map(({ load }, core) =>
      gauge("Chouette.host.cpu.core.percentage", rounded(load, 1), { core: `${core}` }),
    );
  },
  la: async () => load("1m"),
  la5: async () => load("5m"),
  la15: async () => load("15m"),
  ram: async () => {
    const { total, available } = await si.mem();
    return [
      gauge("Chouette.host.memory.used", total - available),
      gauge("Chouette.host.memory.available", available),
    ];
  },
  swap: async () => {
    const { swapused, swapfree } = await si.mem();
    return [gauge("Chouette.host.swap.used", swapused), gauge("Chouette.host.swap.free", swapfree)];
  },
  fs: async () => {
    const devices = new Map((await si.fsSize()).map((fileSystem) => [fileSystem.fs, fileSystem]));
    return [...devices.values()].flatMap(({ fs: device, used, available }) => [
      gauge("Chouette.host.fs.used", used, { device }),
      gauge("Chouette.host.fs.free", available, { device }),
    ]);
  },
  network: async () => {
    const interfaces = await si.networkStats("*");
    return networkMetrics(
      interfaces
        .filter(({ iface }) => !iface.startsWith("lo"))
        .map(({ iface, rx_bytes, tx_bytes }) => ({ iface, received: rx_bytes, sent: tx_bytes })),
    );
  },
  uptime: async () => [gauge("Chouette.host.uptime", Math.floor(uptime()))],
};

export function hostByLibrary(metrics: readonly HostMetric[]): Collector {
  return {
    name: "host",
    subject: `this host, running ${process.platform}`,
    collect: async ({ report }) => {
      const readings = metrics.map(async (metric) => {
        const read = READERS[metric];
        if (read === undefined) report(`${metric} can't be read on ${process.platform}`);
        return read === undefined ? [] : read();
      });
      return (await Promise.all(readings)).flat();
    },
  };
}

function load(period: Period): readonly CollectedMetric[] {
  return loadMetrics(loadavg(), [period]);
}
