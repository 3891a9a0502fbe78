/** The check of the embedded store in `chouette doctor`, from the running agent's status. */
import type { Config } from "../config/config.js";
import { duration } from "../runtime/readable.js";
import { askAgentStatus, controlSocket } from "../status/control.js";
import { type Disk, diskText } from "./disk-text.js";
import type { Finding } from "./finding.js";

export async function checkStore({ settings }: Config): Promise<readonly Finding[]> {
  // If no agent runs, the check of the broker reports that.
  const status = await askAgentStatus(controlSocket(settings.dataDirectory)).catch(() => undefined);
  return status === undefined ? [] : storeFindings(status);
}

/** The parts of the status about the embedded store. */
interface StoreStatus {
  readonly broker: { readonly disk?: Disk | undefined };
  readonly queues?: readonly { readonly oldestAge?: number | undefined }[] | undefined;
}

export function storeFindings({ broker: { disk }, queues = [] }: StoreStatus): readonly Finding[] {
  if (disk === undefined) return [];
  const ages = queues.flatMap(({ oldestAge }) => oldestAge ?? []);
  const oldest = ages.length === 0 ? "no records" : `oldest record ${duration(Math.max(...ages))} old`;
  const found = `${diskText(disk)}; ${oldest}`;
  if (disk.full === undefined) return [{ about: "store", verdict: "ok", found }];
  const advice = "free disk space: until then the agent refuses records";
  return [{ about: "store", verdict: "error", found: `${disk.full}; ${found}`, advice }];
}
