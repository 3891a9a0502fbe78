/** The checks of the embedded store in `chouette doctor`: its disk, and its state if an agent runs. */
import { existsSync, statfsSync } from "node:fs";
import { access, constants } from "node:fs/promises";
import { dirname } from "node:path";
import type { Config } from "../config/config.js";
import { duration } from "../runtime/readable.js";
import { askAgentStatus, controlSocket } from "../status/control.js";
import type { Status } from "../status/status.js";
import { type Disk, diskText } from "./disk-text.js";
import { type Finding, finding } from "./finding.js";

const MIN_FREE_BYTES = 100_000_000;

/** Checks the store's folder, or its nearest existing parent. */
export async function checkDisk({ storage, settings }: Config): Promise<readonly Finding[]> {
  if (storage === "redis") return [];
  let folder = settings.dataDirectory;
  while (!existsSync(folder)) folder = dirname(folder);
  const isWritable = await access(folder, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!isWritable) {
    const advice =
      "set CHOUETTE_DATA_DIR to a writable folder, or make the agent's user the owner of this one";
    return [finding("disk", "error", `${folder} is not writable by this user`, advice)];
  }
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const found = `${Math.floor(free / 1_000_000)} MB free for ${settings.dataDirectory}`;
  if (free >= MIN_FREE_BYTES) return [finding("disk", "ok", found)];
  const advice =
    "free disk space, or set CHOUETTE_DATA_DIR to another disk: a full disk makes clients' writes fail";
  return [finding("disk", "warning", found, advice)];
}

export async function checkStore({ settings }: Config): Promise<readonly Finding[]> {
  // If no agent runs, the check of the broker reports that.
  const status = await askAgentStatus(controlSocket(settings.dataDirectory)).catch(() => undefined);
  return status === undefined ? [] : storeFindings(status.broker.disk, status.queues);
}

export function storeFindings(
  disk: Disk | undefined,
  queues: readonly Pick<NonNullable<Status["queues"]>[number], "oldestAge">[] = [],
): readonly Finding[] {
  if (disk === undefined) return [];
  const ages = queues.flatMap(({ oldestAge }) => oldestAge ?? []);
  const oldest = ages.length === 0 ? "no records" : `oldest record ${duration(Math.max(...ages))} old`;
  const found = `${diskText(disk)}; ${oldest}`;
  if (disk.full === undefined) return [finding("store", "ok", found)];
  const advice = "free disk space: until then the agent refuses records";
  return [finding("store", "error", `${disk.full}; ${found}`, advice)];
}
