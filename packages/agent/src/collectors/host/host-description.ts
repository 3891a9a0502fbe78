/** The description of the host collector. */
import { type CollectorDescription, metricTable } from "../description.js";

export const description: CollectorDescription = {
  name: "host",
  sees: "The device itself: CPU, memory, load, file systems, network and more.",
  reads:
    "On Linux `/proc` and `/sys` and statfs(2); on macOS the package systeminformation. " +
    "CPU, disk and pressure cover the time between two rounds, so the first round doesn't have them. " +
    "In a container, memory, CPU and load are the host's; file systems and network are the container's. To see the " +
    "host's, mount its folders and set `HOST_PROC`, `HOST_SYS` and `HOST_ROOT`.",
  needs:
    "Nothing. `pressure` needs a kernel with pressure stall information (on a Raspberry Pi: `psi=1` in its command line).",
  costs: "A few reads of files that the kernel keeps in memory.",
  settings: ["hostMetrics", "hostProc", "hostSys", "hostRoot"],
  metrics: metricTable("Chouette.host", [
    ["cpu.percentage", "percent", [], "CPU time in use, all cores together (`cpu`)"],
    ["cpu.core.percentage", "percent", ["core"], "The same for each core (`cores`)"],
    ["la", "", ["period"], "Load average of `1m` (`la`), `5m` (`la5`), `15m` (`la15`)"],
    ["memory.used", "byte", [], "Memory that isn't available to programs (`ram`)"],
    ["memory.available", "byte", [], "Memory available to programs, including reclaimable caches (`ram`)"],
    ["swap.used", "byte", [], "Swap in use (`swap`)"],
    ["swap.free", "byte", [], "Free swap (`swap`)"],
    ["fs.used", "byte", ["device"], "Space in use on each device (`fs`)"],
    ["fs.free", "byte", ["device"], "Space available to users other than root (`fs`)"],
    ["fs.inodes.used", "inode", ["device"], "Inodes in use (`inodes`)"],
    ["fs.inodes.free", "inode", ["device"], "Free inodes (`inodes`)"],
    ["network.bytes.sent", "byte", ["iface"], "Sent since boot, for each interface except `lo` (`network`)"],
    ["network.bytes.recv", "byte", ["iface"], "Received since boot (`network`)"],
    ["disk.read", "byte", ["device"], "Read from each disk (`disk`)", "count"],
    ["disk.written", "byte", ["device"], "Written to each disk (`disk`)", "count"],
    ["disk.busy", "percent", ["device"], "Time in which the disk was busy (`disk`)"],
    ["uptime", "second", [], "Since boot (`uptime`)"],
    ["processes.total", "process", [], "All processes (`processes`)"],
    ["processes.running", "process", [], "Running or runnable threads (`processes`)"],
    ["processes.blocked", "process", [], "Threads waiting for I/O (`processes`)"],
    [
      "pressure",
      "percent",
      ["resource", "share"],
      "Time in which `some` or all (`full`) tasks waited for `cpu`, `memory` or `io` (`pressure`)",
    ],
  ]),
};
