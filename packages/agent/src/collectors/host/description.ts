import { type CollectorDescription, metricTable } from "../description.js";

export const description: CollectorDescription = {
  name: "host",
  sees: "CPU, memory, load, file systems, network and more of the device itself.",
  reads:
    "On Linux `/proc` and `/sys` and statfs(2); on macOS what the package systeminformation answers. " +
    "CPU, disk and pressure speak of the time between two rounds, so the first round is without them. " +
    "In a container, memory, CPU and load are the host's, file systems and network are the container's: " +
    "mount the host's folders and name them with `HOST_PROC`, `HOST_SYS` and `HOST_ROOT` to see the host's.",
  needs:
    "Nothing. `pressure` needs a kernel with pressure stall information (on a Raspberry Pi: `psi=1` in its command line).",
  costs: "A few reads of files that the kernel keeps in memory.",
  settings: ["hostMetrics", "hostProc", "hostSys", "hostRoot"],
  metrics: metricTable("Chouette.host", [
    ["cpu.percentage", "percent", [], "CPU time in use, all cores together (`cpu`)"],
    ["cpu.core.percentage", "percent", ["core"], "The same of each core (`cores`)"],
    ["la", "", ["period"], "Load average of `1m` (`la`), `5m` (`la5`), `15m` (`la15`)"],
    ["memory.used", "byte", [], "Memory that programs can't have (`ram`)"],
    ["memory.available", "byte", [], "Memory that programs can have, caches included (`ram`)"],
    ["swap.used", "byte", [], "Swap in use (`swap`)"],
    ["swap.free", "byte", [], "Swap that is left (`swap`)"],
    ["fs.used", "byte", ["device"], "Space in use on each device (`fs`)"],
    ["fs.free", "byte", ["device"], "Space left to others than root (`fs`)"],
    ["fs.inodes.used", "inode", ["device"], "Inodes in use (`inodes`)"],
    ["fs.inodes.free", "inode", ["device"], "Inodes that are left (`inodes`)"],
    ["network.bytes.sent", "byte", ["iface"], "Sent since boot, each interface but `lo` (`network`)"],
    ["network.bytes.recv", "byte", ["iface"], "Received since boot (`network`)"],
    ["disk.read", "byte", ["device"], "Read from each disk (`disk`)", "count"],
    ["disk.written", "byte", ["device"], "Written to each disk (`disk`)", "count"],
    ["disk.busy", "percent", ["device"], "Time in which the disk had something to do (`disk`)"],
    ["uptime", "second", [], "Since boot (`uptime`)"],
    ["processes.total", "process", [], "All processes (`processes`)"],
    ["processes.running", "process", [], "Threads that run or could run (`processes`)"],
    ["processes.blocked", "process", [], "Threads that wait for I/O (`processes`)"],
    [
      "pressure",
      "percent",
      ["resource", "share"],
      "Time in which `some` or the `full` work waited for `cpu`, `memory` or `io` (`pressure`)",
    ],
  ]),
};
