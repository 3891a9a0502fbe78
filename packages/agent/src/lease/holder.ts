/**
 * Who holds a lease: a process, described so that another on the same device can tell whether it has ended.
 *
 * An agent that was killed and started again need not wait for its own lease to run out. Where that can't be told
 * for sure (another device, another container, not Linux), the answer is no, and the lease runs out.
 */
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

export interface Holder {
  readonly host: string;
  readonly pid: number;
  /** Differs with every start of the machine. */
  readonly boot?: string;
  /** In which the pid means something: containers have their own. */
  readonly pidNamespace?: string;
  /** In the kernel's ticks since the boot: pids are used again. */
  readonly started?: string;
}

export function thisProcess(): Holder {
  const holder = { host: hostname(), pid: process.pid };
  const boot = bootId();
  const pidNamespace = ownNamespace();
  const started = startOf("self");
  if (boot === undefined || pidNamespace === undefined || started === undefined) return holder;
  return { ...holder, boot, pidNamespace, started };
}

/** Whether this process has ended for sure. */
export function isGone({ boot, pidNamespace, pid, started }: Holder): boolean {
  if (boot === undefined || boot !== bootId() || pidNamespace !== ownNamespace()) return false;
  return startOf(pid) !== started;
}

function bootId(): string | undefined {
  return orUndefined(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
}

function ownNamespace(): string | undefined {
  return orUndefined(() => readlinkSync("/proc/self/ns/pid"));
}

/** When a process began; undefined where there is none, or one that has ended and is only kept for its parent. */
function startOf(pid: number | "self"): string | undefined {
  const stat = orUndefined(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  // The second field is the program's name in parentheses and may hold anything: proc(5).
  const [state, ...fields] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  return state === undefined || state === "Z" || state === "X" ? undefined : fields[18];
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
