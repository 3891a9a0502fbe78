/**
 * The holder of a lease: a process, described so that another one on the same device can check whether it has ended.
 *
 * So an agent that was killed and started again needn't wait for its own lease to expire. If it isn't certain that the
 * holder has ended (another device, another container, not Linux, a hidden process), the lease has to expire.
 */
import { readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { bootId, processExists } from "@chouette-iot/record/host";

export interface Holder {
  readonly host: string;
  readonly pid: number;
  /** Id of the machine's current boot. */
  readonly boot?: string;
  /** In which the pid is valid: containers have their own. */
  readonly pidNamespace?: string;
}

export function thisProcess(): Holder {
  const holder = { host: hostname(), pid: process.pid };
  const boot = bootId();
  const pidNamespace = ownNamespace();
  return boot === undefined || pidNamespace === undefined ? holder : { ...holder, boot, pidNamespace };
}

/**
 * Whether the holder has certainly ended. If its pid belongs to another process by now, the answer is false.
 */
export function isGone({ host, boot, pidNamespace, pid }: Holder): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  if (host !== hostname() || boot === undefined || boot !== bootId()) return false;
  if (pidNamespace !== ownNamespace()) return false;
  return !processExists(pid);
}

function ownNamespace(): string | undefined {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return undefined;
  }
}
