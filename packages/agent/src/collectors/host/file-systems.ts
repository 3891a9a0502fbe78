/** Space and inodes of file systems on a device, as in `df`. */
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "@chouette-iot/record";
import type { HostMetric } from "../../config/collector-metrics.js";
import type { CollectedMetric, Round } from "../collector.js";
import { gauge } from "../gauge.js";
import { readKernelFile } from "../kernel-files.js";
import { type Mount, parseMounts } from "./mounts.js";

/** Read-only images, which are always full. */
const IMAGES = new Set(["squashfs", "iso9660", "erofs", "cramfs", "udf"]);
/** On disk or flash, although the kernel lists them without a block device. */
const WITHOUT_DEVICE = new Set(["zfs", "ubifs", "jffs2"]);

/** The types in /proc/filesystems that need a device: neither pseudo file systems nor those of other machines. */
export function parseDeviceTypes(text: string): ReadonlySet<string> {
  const types = text.split("\n").filter((line) => line.startsWith("\t"));
  return new Set(types.map((line) => line.trim()));
}

/** One mount per device: the one with the shortest path, since folders of it may be mounted elsewhere. */
export function chooseMounts(mounts: readonly Mount[], deviceTypes: ReadonlySet<string>): readonly Mount[] {
  const chosen = new Map<string, Mount>();
  for (const mount of mounts) {
    const { device, path, type } = mount;
    if (IMAGES.has(type) || !(deviceTypes.has(type) || WITHOUT_DEVICE.has(type))) continue;
    const other = chosen.get(device);
    if (other === undefined || path.length < other.path.length) chosen.set(device, mount);
  }
  return [...chosen.values()];
}

/** As in statfs(2), in blocks and files; `bavail` is the space available to users other than root. */
export interface FileSystemUse {
  readonly bsize: number;
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
}

export function fileSystemMetrics(
  device: string,
  use: FileSystemUse,
  metrics: readonly HostMetric[],
): CollectedMetric[] {
  const tags = { device };
  const space = [
    gauge("Chouette.host.fs.used", (use.blocks - use.bfree) * use.bsize, tags),
    gauge("Chouette.host.fs.free", use.bavail * use.bsize, tags),
  ];
  const inodes = [
    gauge("Chouette.host.fs.inodes.used", use.files - use.ffree, tags),
    gauge("Chouette.host.fs.inodes.free", use.ffree, tags),
  ];
  // Some file systems create inodes on demand and report 0.
  const hasInodes = metrics.includes("inodes") && use.files > 0;
  return [...(metrics.includes("fs") ? space : []), ...(hasInodes ? inodes : [])];
}

/**
 * @param pid a process, whose mount namespace is used
 * @param root path to the root of that namespace
 * @param metrics all that are selected
 * @returns a reader that reports mounts that can't be read, and returns the others
 */
export function fileSystemReader(
  proc: string,
  pid: string,
  root: string,
  metrics: readonly HostMetric[],
): (round: Pick<Round, "report">) => Promise<readonly CollectedMetric[]> {
  return async ({ report }) => {
    const deviceTypes = parseDeviceTypes(readKernelFile(`${proc}/filesystems`));
    const mounts = chooseMounts(parseMounts(readKernelFile(`${proc}/${pid}/mountinfo`)), deviceTypes);
    const collected = mounts.map(async ({ device, path }) => {
      try {
        return fileSystemMetrics(device, await statfs(join(root, path)), metrics);
      } catch (error) {
        report(messageOf(error));
        return [];
      }
    });
    return (await Promise.all(collected)).flat();
  };
}
