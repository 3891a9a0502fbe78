import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { milliseconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { newFolder } from "../../../../../tests/support/folders.js";
import type { HostMetric } from "../../config/collector-metrics.js";
import { deviceName, diskMetrics, parseDiskstats } from "./disks.js";
import { chooseMounts, fileSystemMetrics, fileSystemReader, parseDeviceTypes } from "./file-systems.js";
import { loadMetrics } from "./load-average.js";
import { memoryMetrics, parseMeminfo } from "./memory.js";
import { parseMounts } from "./mounts.js";
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
    expect(memoryMetrics(meminfo, ["ram", "swap"])).toEqual([
      { name: "Chouette.host.memory.used", type: "gauge", value: 1_000_000 * 1024 },
      { name: "Chouette.host.memory.available", type: "gauge", value: 2_884_360 * 1024 },
      { name: "Chouette.host.swap.used", type: "gauge", value: 0 },
      { name: "Chouette.host.swap.free", type: "gauge", value: 102_396 * 1024 },
    ]);
  });
});

describe("/proc/meminfo of an old kernel", () => {
  const MEMINFO = "MemTotal: 1000 kB\nMemFree: 400 kB\nBuffers: 100 kB\nCached: 300 kB\n";

  it("without MemAvailable counts free memory, buffers and the page cache as available", () => {
    const values = (text: string) =>
      memoryMetrics(parseMeminfo(text), ["ram"]).map(({ value }) => value / 1024);
    expect(values(MEMINFO)).toEqual([200, 800]);
    expect(values(`${MEMINFO}Shmem: 50 kB\nSReclaimable: 20 kB\n`)).toEqual([230, 770]);
  });

  it("is a failure if it is empty", () => {
    expect(() => memoryMetrics(parseMeminfo(""), ["ram", "swap"])).toThrow("no MemTotal");
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

  it("names a device as the kernel does, not as the folder in /sys", () => {
    expect(deviceName("cciss!c0d0")).toBe("cciss/c0d0");
  });

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
    const back = pressureMetrics("io", reading(301_000), reading(1_000), milliseconds(30_000));
    expect(back.map(({ value }) => value)).toEqual([0, 0]);
    expect(() => parsePressure("")).toThrow("no totals");
    expect(pressureMetrics("io", reading(1_000), reading(301_000), milliseconds(30_000))).toEqual([
      { name: "Chouette.host.pressure", type: "gauge", value: 1, tags: { resource: "io", share: "some" } },
      { name: "Chouette.host.pressure", type: "gauge", value: 0, tags: { resource: "io", share: "full" } },
    ]);
  });
});

describe("file systems", () => {
  const mounts = parseMounts(`22 28 0:21 / /proc rw - proc proc rw
24 28 0:22 / /run rw shared:2 - tmpfs tmpfs rw
28 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw
29 28 179:2 /docker /var/lib/docker rw - ext4 /dev/mmcblk0p2 rw
30 28 179:1 / /boot\\040files rw master:1 propagate_from:2 - vfat /dev/mmcblk0p1 rw
31 28 7:0 / /snap/core ro - squashfs /dev/loop0 ro
32 28 0:50 / /mnt/nas rw - nfs4 nas:/export rw
33 28 0:51 / /tank/home rw - zfs tank/home rw
34 28 0:52 / /flash rw - ubifs ubi0:data rw
35 28 8:3 / /home rw - ext4 /dev/sda3 rw
36 35 0:53 / /home rw - tmpfs tmpfs ro
37 28 8:4 / /srv/data rw - ext4 /dev/sda4 rw
38 28 0:54 / /srv rw - tmpfs tmpfs ro
39 28 8:5 / /opt rw - ext4 /dev/sda5 rw
40 39 8:6 / /opt rw - ext4 /dev/sda6 rw
this is no line of mountinfo
`);
  const types = parseDeviceTypes(
    "nodev\tproc\nnodev\ttmpfs\nnodev\tnfs4\nnodev\tzfs\nnodev\tubifs\n\text4\n\tvfat\n\tsquashfs\n",
  );

  it("are those on a device, one for each device, under its shortest path, without those that another covers", () => {
    expect(chooseMounts(mounts, types)).toEqual([
      { device: "/dev/mmcblk0p2", path: "/", type: "ext4" },
      { device: "/dev/mmcblk0p1", path: "/boot files", type: "vfat" },
      { device: "tank/home", path: "/tank/home", type: "zfs" },
      { device: "ubi0:data", path: "/flash", type: "ubifs" },
      { device: "/dev/sda6", path: "/opt", type: "ext4" },
    ]);
  });

  it("cost themselves alone if they can't be read", async () => {
    const folder = await newFolder();
    await mkdir(join(folder.path, "1"));
    await mkdir(join(folder.path, "there"));
    await writeFile(join(folder.path, "filesystems"), "\text4\n");
    await writeFile(
      join(folder.path, "1/mountinfo"),
      "1 0 8:1 / /there rw - ext4 /dev/sda1 rw\n2 0 8:2 / /gone rw - ext4 /dev/sda2 rw\n",
    );
    const problems: string[] = [];
    const read = fileSystemReader(folder.path, "1", folder.path, ["fs"]);
    const metrics = await read({ report: (problem) => problems.push(problem) });
    await folder.remove();
    expect(metrics.map(({ tags }) => tags?.device)).toEqual(["/dev/sda1", "/dev/sda1"]);
    expect(problems).toEqual([expect.stringContaining("ENOENT")]);
  });

  it("count as free what is left to others than root, and leave out inodes where there is no number of them", () => {
    const use = { bsize: 4096, blocks: 100, bfree: 40, bavail: 35, files: 10, ffree: 10 };
    const values = (metrics: readonly HostMetric[], files = use.files) =>
      fileSystemMetrics("/dev/sda1", { ...use, files }, metrics).map(({ value }) => value);
    expect(values(["fs", "inodes"])).toEqual([60 * 4096, 35 * 4096, 0, 10]);
    expect(values(["inodes"], 0)).toEqual([]);
  });
});
