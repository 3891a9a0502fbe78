/** Bytes that block devices read and wrote between two readings, from /proc/diskstats. */
import { readdirSync } from "node:fs";
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import type { CollectedMetric, Round } from "../collector.js";
import { gauge, rounded } from "../gauge.js";
import { readKernelFile } from "../kernel-files.js";

/** Since boot. */
export interface DiskCounters {
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly busyMilliseconds: number;
}

/** The kernel counts sectors of 512 bytes, whatever the device's sector size. */
const SECTOR = 512;

export function parseDiskstats(text: string): ReadonlyMap<string, DiskCounters> {
  const disks = new Map<string, DiskCounters>();
  for (const line of text.split("\n")) {
    const fields = line.trim().split(/\s+/);
    const [, , device, , , sectorsRead, , , , sectorsWritten, , , busy] = fields;
    if (device === undefined) continue;
    disks.set(device, {
      readBytes: Number(sectorsRead) * SECTOR,
      writtenBytes: Number(sectorsWritten) * SECTOR,
      busyMilliseconds: Number(busy),
    });
  }
  return disks;
}

export function diskMetrics(
  device: string,
  before: DiskCounters,
  after: DiskCounters,
  elapsed: Milliseconds,
): CollectedMetric[] {
  const read = after.readBytes - before.readBytes;
  const written = after.writtenBytes - before.writtenBytes;
  const busy = after.busyMilliseconds - before.busyMilliseconds;
  // The counters of a device that was removed and inserted again start at 0.
  if (elapsed <= 0 || read < 0 || written < 0 || busy < 0) return [];
  const tags = { device };
  const percentage = Math.min(100, rounded((100 * busy) / elapsed, 1));
  return [
    { name: "Chouette.host.disk.read", type: "count", value: read, tags },
    { name: "Chouette.host.disk.written", type: "count", value: written, tags },
    gauge("Chouette.host.disk.busy", percentage, tags),
  ];
}

/** /sys writes a slash in a device's name as an exclamation mark: `cciss!c0d0` is `cciss/c0d0` in diskstats. */
export function deviceName(entry: string): string {
  return entry.replaceAll("!", "/");
}

/** Whole disks: /sys/block doesn't list partitions. Without devices in memory or in a file. */
function listDisks(sys: string): readonly string[] {
  const devices = readdirSync(`${sys}/block`).map(deviceName);
  return devices.filter((device) => !/^(loop|ram|zram|fd|sr)\d+$/.test(device));
}

/** The first call returns no metrics. */
export function diskReader(
  proc: string,
  sys: string,
): (round: Pick<Round, "clock">) => readonly CollectedMetric[] {
  let before: ReadonlyMap<string, DiskCounters> = new Map();
  let readAt: Milliseconds | undefined;
  return ({ clock }) => {
    const now = clock.monotonic();
    const after = parseDiskstats(readKernelFile(`${proc}/diskstats`));
    const elapsed = milliseconds(now - (readAt ?? now));
    const metrics = listDisks(sys).flatMap((device) => {
      const [earlier, later] = [before.get(device), after.get(device)];
      return earlier && later ? diskMetrics(device, earlier, later, elapsed) : [];
    });
    before = after;
    readAt = now;
    return metrics;
  };
}
