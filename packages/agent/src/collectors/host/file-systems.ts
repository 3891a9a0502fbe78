/** Space and inodes of the file systems that are on a device, as `df` shows them. */

import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "@chouette-iot/record";
import type { CollectedMetric, Round } from "../collector.js";
import { readNow } from "../kernel-files.js";
import { type Mount, parseMounts } from "./mounts.js";

/** Images, always full. */
const IMAGES = new Set(["squashfs", "iso9660", "erofs", "cramfs", "udf"]);
/** On disks and flash all the same, though the kernel lists them as having no block device. */
const WITHOUT_DEVICE = new Set(["zfs", "ubifs", "jffs2"]);

/** The types in /proc/filesystems that need a device: neither pseudo file systems nor those of other machines. */
export function parseDeviceTypes(text: string): ReadonlySet<string> {
  const types = text.split("\n").filter((line) => line.startsWith("\t"));
  return new Set(types.map((line) => line.trim()));
}

/** One mount for each device: the shortest path, which is not some folder of it mounted elsewhere. */
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

export interface FileSystemOptions {
  readonly fs: boolean;
  readonly inodes: boolean;
}

/** As statfs(2) has it: blocks and files; `bavail` is what is left to others than root. */
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
  options: FileSystemOptions,
): CollectedMetric[] {
  const tags = { device };
  const metrics: CollectedMetric[] = [];
  if (options.fs) {
    const used = (use.blocks - use.bfree) * use.bsize;
    metrics.push({ name: "Chouette.host.fs.used", type: "gauge", value: used, tags });
    metrics.push({ name: "Chouette.host.fs.free", type: "gauge", value: use.bavail * use.bsize, tags });
  }
  // Some file systems make inodes as they need them and count none.
  if (options.inodes && use.files > 0) {
    metrics.push({ name: "Chouette.host.fs.inodes.used", type: "gauge", value: use.files - use.ffree, tags });
    metrics.push({ name: "Chouette.host.fs.inodes.free", type: "gauge", value: use.ffree, tags });
  }
  return metrics;
}

/**
 * @param pid of a process: mounts are those of its mount namespace
 * @param root where the root of those mounts is to be found
 * @returns a reader that reports a mount that can't be read, and gives the others
 */
export function fileSystemReader(
  proc: string,
  pid: string,
  root: string,
  options: FileSystemOptions,
): (round: Pick<Round, "report">) => Promise<readonly CollectedMetric[]> {
  return async ({ report }) => {
    const deviceTypes = parseDeviceTypes(readNow(`${proc}/filesystems`));
    const mounts = chooseMounts(parseMounts(readNow(`${proc}/${pid}/mountinfo`)), deviceTypes);
    const metrics = mounts.map(async ({ device, path }) => {
      try {
        return fileSystemMetrics(device, await statfs(join(root, path)), options);
      } catch (error) {
        report(messageOf(error));
        return [];
      }
    });
    return (await Promise.all(metrics)).flat();
  };
}
