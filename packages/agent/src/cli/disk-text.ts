/** Describes the disk use of the embedded store. */

import { count } from "../runtime/readable.js";
import type { Status } from "../status/status.js";

export type Disk = NonNullable<Status["broker"]["disk"]>;

export function diskText(disk: Disk): string {
  const { contentBytes, fileBytes, segments, runs, writtenBytes, writtenBytesPerDay } = disk;
  const files = `${count(segments, "segment")}, ${count(runs, "run")}`;
  const rate = writtenBytesPerDay === undefined ? "" : `, ${(writtenBytesPerDay / 1e9).toFixed(2)} GB a day`;
  return `${count(contentBytes, "byte")} in ${count(fileBytes, "byte")} of files (${files}); ${count(writtenBytes, "byte")} written since start${rate}`;
}
