/**
 * Who holds a lease: a process, described so that another on the same device can tell whether it has ended.
 *
 * An agent that was killed and started again need not wait for its own lease to expire. If it isn't certain that the
 * holder has ended (another device, another container, not Linux, a process that may not be seen), the answer is no,
 * and the lease expires.
 */
import { readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { bootId, processExists } from "@chouette-iot/record/host";

export interface Holder {
  readonly host: string;
  readonly pid: number;
  /** Differs with every start of the machine. */
  readonly boot?: string;
  /** In which the pid means something: containers have their own. */
  readonly pidNamespace?: string;
}

export function thisProcess(): Holder {
  const holder = { host: hostname(), pid: process.pid };
  const boot = bootId();
  const pidNamespace = ownNamespace();
  return boot === undefined || pidNamespace === undefined ? holder : { ...holder, boot, pidNamespace };
}

/**
 * Whether this process has certainly ended. A holder whose pid now belongs to another process isn't recognised: its
 * lease expires.
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
