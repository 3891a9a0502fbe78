import { milliseconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { diskMetrics, parseDiskstats } from "./disks.js";
import { chooseMounts, fileSystemMetrics, parseDeviceTypes, parseMounts } from "./file-systems.js";
import { loadMetrics } from "./load.js";
import { memoryMetrics, parseMeminfo } from "./memory.js";
import { networkMetrics, parseNetDev } from "./network.js";
import { parsePressure, pressureMetrics } from "./pressure.js";

describe("/proc/meminfo", () => {
  const meminfo = parseMeminfo(`MemTotal:        3884360 kB
MemFree:          190384 kB
MemAvailable:    2884360 kB
SwapTotal:        102396 kB
SwapFree:         102396 kB
HugePages_Total:       0
`);

  it("counts as used what is not available, and nothing used as 0", () => {
    expect(memoryMetrics(meminfo, { ram: true, swap: true })).toEqual([
      { name: "Chouette.host.memory.used", type: "gauge", value: 1_000_000 * 1024 },
      { name: "Chouette.host.memory.available", type: "gauge", value: 2_884_360 * 1024 },
      { name: "Chouette.host.swap.used", type: "gauge", value: 0 },
      { name: "Chouette.host.swap.free", type: "gauge", value: 102_396 * 1024 },
    ]);
  });
});

describe("load averages", () => {
  it("are told apart by their period", () => {
    expect(loadMetrics([0.5, 0.25, 0], ["1m", "15m"])).toEqual([
      { name: "Chouette.host.la", type: "gauge", value: 0.5, tags: { period: "1m" } },
      { name: "Chouette.host.la", type: "gauge", value: 0, tags: { period: "15m" } },
    ]);
  });
});

describe("/proc/net/dev", () => {
  it("gives what each interface but lo received and sent", () => {
    const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1289882851   50232    0    0    0     0          0         0 1289882851   50232    0    0    0     0       0          0
  eth0:1051181582   27180    0    0    0     0          0         0  2079752   17327    0    0    0     0       0          0
eth0:1:       0       0    0    0    0     0          0         0        7       0    0    0    0     0       0          0
`;
    const metrics = networkMetrics(parseNetDev(text));
    expect(metrics.map(({ name, value, tags }) => [name, value, tags?.iface])).toEqual([
      ["Chouette.host.network.bytes.sent", 2_079_752, "eth0"],
      ["Chouette.host.network.bytes.recv", 1_051_181_582, "eth0"],
      ["Chouette.host.network.bytes.sent", 7, "eth0:1"],
      ["Chouette.host.network.bytes.recv", 0, "eth0:1"],
    ]);
  });
});

describe("/proc/diskstats", () => {
  const before = parseDiskstats(
    " 179       0 mmcblk0 100 0 2000 40130 50 56034 1000 14614 0 13260 55495 6071 66 617272 542 5199 207\n",
  ).get("mmcblk0");
  const after = parseDiskstats("179 0 mmcblk0 101 0 2008 40130 50 56034 1000 14614 0 13760 55495\n").get(
    "mmcblk0",
  );

  it("gives bytes between two readings, and the share of the time that the disk was busy", () => {
    if (before === undefined || after === undefined) throw new Error("the sample has no such disk");
    const metrics = diskMetrics("mmcblk0", before, after, milliseconds(1000));
    expect(metrics.map(({ name, value }) => [name, value])).toEqual([
      ["Chouette.host.disk.read", 8 * 512],
      ["Chouette.host.disk.written", 0],
      ["Chouette.host.disk.busy", 50],
    ]);
    expect(diskMetrics("mmcblk0", after, before, milliseconds(1000))).toEqual([]);
  });
});

describe("pressure", () => {
  it("is the share of the time in which work stood still", () => {
    const reading = (total: number) =>
      parsePressure(`some avg10=0.00 avg60=0.00 avg300=0.00 total=${total}
full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n`);
    expect(pressureMetrics("io", reading(1_000), reading(301_000), milliseconds(30_000))).toEqual([
      { name: "Chouette.host.pressure", type: "gauge", value: 1, tags: { resource: "io", share: "some" } },
      { name: "Chouette.host.pressure", type: "gauge", value: 0, tags: { resource: "io", share: "full" } },
    ]);
  });
});

describe("file systems", () => {
  const mounts = parseMounts(`proc /proc proc rw 0 0
tmpfs /run tmpfs rw 0 0
/dev/mmcblk0p2 /var/lib/docker ext4 rw 0 0
/dev/mmcblk0p2 / ext4 rw 0 0
/dev/mmcblk0p1 /boot\\040files vfat rw 0 0
/dev/loop0 /snap/core squashfs ro 0 0
nas:/export /mnt/nas nfs4 rw 0 0
tank/home /home zfs rw 0 0
`);
  const types = parseDeviceTypes(
    "nodev\tproc\nnodev\ttmpfs\nnodev\tnfs4\nnodev\tzfs\n\text4\n\tvfat\n\tsquashfs\n",
  );

  it("are those on a device, one for each device, under its shortest path", () => {
    expect(chooseMounts(mounts, types)).toEqual([
      { device: "/dev/mmcblk0p2", path: "/", type: "ext4" },
      { device: "/dev/mmcblk0p1", path: "/boot files", type: "vfat" },
      { device: "tank/home", path: "/home", type: "zfs" },
    ]);
  });

  it("count as free what is left to others than root, and leave out inodes where there is no number of them", () => {
    const use = { bsize: 4096, blocks: 100, bfree: 40, bavail: 35, files: 10, ffree: 10 };
    const values = (options: { fs: boolean; inodes: boolean }, files = use.files) =>
      fileSystemMetrics("/dev/sda1", { ...use, files }, options).map(({ value }) => value);
    expect(values({ fs: true, inodes: true })).toEqual([60 * 4096, 35 * 4096, 0, 10]);
    expect(values({ fs: false, inodes: true }, 0)).toEqual([]);
  });
});
